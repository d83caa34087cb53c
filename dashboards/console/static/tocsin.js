// What the page does by itself: times that tick, light or dark, sound, who acts, acknowledging, keys.
"use strict";
(() => {
  const root = document.documentElement;
  const store = {
    get: (name) => { try { return localStorage.getItem("tocsin-" + name) || ""; } catch { return ""; } },
    set: (name, value) => { try { localStorage.setItem("tocsin-" + name, value); } catch { /* private window */ } },
  };
  // Writing what is there already would call the observer below for ever.
  const write = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  const all = (query, where = document) => [...where.querySelectorAll(query)];
  const now = document.querySelector('meta[name="tocsin-now"]');
  const ahead = now ? Number(now.content) - Date.now() : 0; // Tocsin's clock less the browser's

  // Times
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
  const local = (ms) => {
    const date = new Date(ms);
    const today = new Date(Date.now() + ahead).toDateString() === date.toDateString();
    return (today ? "" : day.format(date) + ", ") + clock.format(date);
  };
  const age = (ms) => {
    const s = Math.round((Date.now() + ahead - ms) / 1000);
    if (s < -5) return "in the future";
    if (s < 1) return "now";
    if (s < 60) return s + " s ago";
    if (s < 3600) return Math.floor(s / 60) + " min ago";
    if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor((s % 3600) / 60) + " min ago";
    return Math.floor(s / 86400) + " d ago";
  };
  function tick() {
    for (const time of all("time[data-ms]")) {
      const ms = Number(time.dataset.ms);
      const said = time.dataset.as === "clock" ? local(ms) : time.dataset.as === "span" ? age(ms).replace(" ago", "") : age(ms);
      write(time, said);
      if (time.title === "") time.title = new Date(ms).toLocaleString() + " (" + time.dateTime + ")";
    }
    for (const face of all("[data-clock]")) write(face, clock.format(new Date(Date.now() + ahead)));
    for (const check of all("[data-clock-check]")) {
      const off = Math.round(ahead / 1000);
      write(check, Math.abs(off) <= 2
        ? "✓ The clocks of Tocsin and of this browser agree."
        : `⚠ Tocsin's clock is ${Math.abs(off)} s ${off > 0 ? "ahead of" : "behind"} this browser's: check NTP on both.`);
    }
    const span = document.querySelector("[data-from]"), file = document.querySelector("a[data-span]");
    if (span && file) {
      const url = new URL(file.href);
      url.searchParams.set("start", span.dataset.from);
      url.searchParams.set("end", span.dataset.to);
      file.href = url.href;
    }
  }

  // Light or dark, sound, name
  function dress() {
    const theme = store.get("theme");
    if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
    const sound = store.get("sound") === "on";
    for (const button of all('[data-do="sound"]')) {
      button.setAttribute("aria-pressed", String(sound));
      write(button.querySelector("span"), sound ? "Sound on" : "Sound off");
    }
    for (const place of all("[data-who]")) write(place, store.get("who") || "Your name");
  }
  let speaker = null;
  function ring() {
    speaker = speaker || new AudioContext();
    for (const [at, pitch] of [[0, 880], [0.22, 660], [0.44, 880]]) {
      const tone = speaker.createOscillator(), level = speaker.createGain();
      tone.frequency.value = pitch;
      level.gain.setValueAtTime(0.15, speaker.currentTime + at);
      level.gain.exponentialRampToValueAtTime(0.001, speaker.currentTime + at + 0.2);
      tone.connect(level).connect(speaker.destination);
      tone.start(speaker.currentTime + at);
      tone.stop(speaker.currentTime + at + 0.2);
    }
  }
  let heard = null, title = "";
  function listen() {
    const mark = document.querySelector("[data-ringing]");
    if (!mark) return;
    const ids = mark.dataset.ringing.split(" ").filter(Boolean);
    if (heard !== null && store.get("sound") === "on" && ids.some((id) => !heard.has(id))) ring();
    heard = new Set(ids);
    title = title || document.title;
    const called = (ids.length ? `(${ids.length}) ` : "") + title;
    if (document.title !== called) document.title = called;
  }

  function dialog(html) {
    const box = document.createElement("dialog");
    box.className = "ask";
    box.innerHTML = html;
    document.body.append(box);
    box.addEventListener("close", () => box.remove());
    box.showModal();
    return box;
  }
  const askWho = () => new Promise((resolve) => {
    const box = dialog('<form method="dialog"><label>Your name<input name="who" maxlength="120" required autocomplete="name"></label>' +
      '<p>It is kept in this browser and written beside everything you do.</p>' +
      '<menu><button value="" formnovalidate>Cancel</button><button value="ok" class="act">This is me</button></menu></form>');
    const input = box.querySelector("input");
    input.value = store.get("who");
    input.select();
    // Enter in the field presses the form's first button, which is Cancel.
    input.addEventListener("keydown", (e) => { if (e.key === "Enter" && input.value.trim()) { e.preventDefault(); box.close("ok"); } });
    box.addEventListener("close", () => {
      const who = box.returnValue === "ok" ? input.value.trim() : "";
      if (who) store.set("who", who);
      dress();
      resolve(who);
    });
  });

  function say(text, odd = false) {
    const note = document.createElement("p");
    note.className = "toast" + (odd ? " odd" : "");
    note.setAttribute("role", odd ? "alert" : "status");
    note.textContent = text;
    document.body.append(note);
    setTimeout(() => note.remove(), odd ? 10000 : 4000);
  }

  // Alarms
  let chosen = "";
  const cards = () => all("[data-alarm]");
  function select(card) {
    if (card) chosen = card.dataset.alarm;
    mark();
  }
  function mark() {
    const found = cards();
    if (found.length && !found.some((card) => card.dataset.alarm === chosen)) chosen = found[0].dataset.alarm;
    for (const card of found) {
      const on = card.dataset.alarm === chosen;
      card.classList.toggle("chosen", on);
      card.setAttribute("aria-current", String(on));
    }
  }
  async function act(card, verb) {
    if (!card || card.dataset.open !== "1" || card.classList.contains("busy")) return;
    const who = store.get("who") || (await askWho());
    if (!who) return;
    const why = card.querySelector("[data-why]");
    card.classList.add("busy");
    try {
      const answer = await fetch(`/api/v1/alarms/${encodeURIComponent(card.dataset.alarm)}/${verb}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ who, why: why ? why.value : "" }),
      });
      const told = await answer.json();
      if (!answer.ok) throw new Error(told.detail || answer.statusText);
      say(verb === "acknowledge" ? `Acknowledged as ${who}` : `Accepted as the new normal by ${who}`);
      if (why) why.value = "";
    } catch (error) {
      say(`That did not work: ${error.message}`, true);
    } finally {
      card.classList.remove("busy");
    }
  }

  // A button that says something in the name of who presses it: what is said, where to, and what to ask first
  const askWords = (button) => new Promise((resolve) => {
    const box = dialog('<form method="dialog"><label><span></span><input maxlength="2000"></label>' +
      '<menu><button value="" formnovalidate>Cancel</button><button value="ok" class="act"></button></menu></form>');
    write(box.querySelector("span"), button.dataset.ask);
    write(box.querySelector(".act"), button.textContent.trim());
    const input = box.querySelector("input"), card = button.closest("[data-alarm]");
    const typed = card && card.querySelector("[data-why]");
    input.value = typed ? typed.value : "";
    input.addEventListener("keydown", (e) => { if (e.key === "Enter") { e.preventDefault(); box.close("ok"); } });
    box.addEventListener("close", () => resolve(box.returnValue === "ok" ? input.value.trim() : null));
  });
  async function post(button) {
    const who = store.get("who") || (await askWho());
    if (!who) return;
    const words = button.dataset.ask ? await askWords(button) : "";
    if (words === null) return;
    const body = { ...JSON.parse(button.dataset.body || "{}"), who };
    if (button.dataset.field) body[button.dataset.field] = words;
    button.disabled = true;
    try {
      const answer = await fetch(button.dataset.to, {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
      });
      const told = await answer.json();
      if (!answer.ok) throw new Error(told.detail || answer.statusText);
      say(`${button.dataset.said} ${who}`);
      const place = button.closest("[data-found]");
      if (place) write(place, `${button.dataset.said} ${who}`);
    } catch (error) {
      say(`That did not work: ${error.message}`, true);
    } finally {
      button.disabled = false;
    }
  }

  const deeds = {
    post,
    theme: () => {
      const dark = store.get("theme") ? store.get("theme") === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      store.set("theme", dark ? "light" : "dark");
      dress();
    },
    sound: () => {
      store.set("sound", store.get("sound") === "on" ? "off" : "on");
      dress();
      if (store.get("sound") === "on") ring();
    },
    who: () => askWho(),
    acknowledge: (button) => act(button.closest("[data-alarm]"), "acknowledge"),
    "accept-normal": (button) => act(button.closest("[data-alarm]"), "accept-normal"),
  };
  document.addEventListener("click", (event) => {
    const card = event.target.closest("[data-alarm]");
    if (card) select(card);
    const button = event.target.closest("[data-do]");
    if (button) deeds[button.dataset.do](button);
  });
  document.addEventListener("focusin", (event) => {
    const card = event.target.closest("[data-alarm]");
    if (card) select(card);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, dialog")) return;
    const found = cards();
    if (!found.length) return;
    const at = Math.max(0, found.findIndex((card) => card.dataset.alarm === chosen));
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (step) {
      const next = found[Math.min(found.length - 1, Math.max(0, at + step))];
      select(next);
      next.focus();
      event.preventDefault();
    } else if (event.key === "a") {
      event.preventDefault(); // or the letter lands in the dialog that asks for the name
      act(found[at], "acknowledge");
    }
  });

  function settle() {
    dress();
    mark();
    listen();
    tick();
  }
  window.tocsin = {
    show(id, html) {
      const element = getHtmlElement(id);
      if (!element) return;
      tocsinMorph(element, html);
      settle();
    },
  };
  dress();
  setInterval(() => { tick(); mark(); }, 1000);
  // The first regions are put in place by the framework, some time after this script.
  new MutationObserver(() => settle()).observe(root, { childList: true, subtree: true });
})();
