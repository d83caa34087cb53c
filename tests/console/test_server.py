import subprocess
import sys
import threading

import httpx
import pytest

from dashboards.console.server import Console, ConsoleError
from tests.console.fakes import Answering, small_plant, wait_until


def test_the_page_is_loaded_only_when_it_is_served() -> None:
    code = (
        "import sys; from dashboards.console.server import Console; "
        "heavy = {'nicegui', 'fastapi', 'uvicorn', 'pydantic'} & set(sys.modules); print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_several_consoles_serve_side_by_side_without_pages() -> None:
    urls = set()
    consoles = []
    for name in ("one", "two"):
        plant = small_plant()
        plant.add(name)
        consoles.append(Console(plant, Answering(plant), listen="127.0.0.1:0", page=False))
        urls.add(consoles[-1].start())
        assert name in httpx.get(f"{consoles[-1].url}/api/v1/devices").text
    assert len(urls) == 2
    for console in consoles:
        console.stop()
    for url in urls:
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz")


def test_run_serves_in_the_calling_thread_says_when_it_is_ready_and_ends_when_stopped() -> None:
    plant = small_plant()
    ready: list[str] = []
    console = Console(plant, Answering(plant), listen="127.0.0.1:0", page=False, on_ready=ready.append)
    thread = threading.Thread(target=console.run)
    thread.start()
    wait_until(lambda: bool(ready), "ready")
    assert httpx.get(f"{ready[0]}/healthz").status_code == 200
    console.stop()
    thread.join(15)
    assert not thread.is_alive()


def test_a_listener_does_not_hold_up_the_end() -> None:
    plant = small_plant()
    console = Console(plant, Answering(plant), listen="127.0.0.1:0", page=False)
    with httpx.stream("GET", f"{console.start()}/api/v1/events", timeout=15) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "retry: 2000"
        console.stop()
        assert list(lines) == [""]


def test_a_console_serves_once() -> None:
    plant = small_plant()
    console = Console(plant, Answering(plant), listen="127.0.0.1:0", page=False)
    console.start()
    console.stop()
    with pytest.raises(ConsoleError, match="once"):
        console.start()
