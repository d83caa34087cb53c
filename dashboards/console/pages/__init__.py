"""The pages operators look at, in NiceGUI; they read the hub's snapshot and ask the store for series only.

NiceGUI has one app a process, so the pages serve one console a process.
"""

from fastapi import FastAPI
from nicegui import app as nicegui_app
from nicegui import ui

from dashboards.console.api import ASSETS
from dashboards.console.desk import Desk
from dashboards.console.hub import Hub
from dashboards.console.pages import alarms as alarms_page
from dashboards.console.pages import catalogue as catalogue_page
from dashboards.console.pages import device as device_page
from dashboards.console.pages import fleet as fleet_page
from dashboards.console.pages import health as health_page
from dashboards.console.pages import models as models_page
from dashboards.console.pages import run as run_page
from dashboards.console.pages import runs as runs_page


def install(app: FastAPI, desk: Desk, hub: Hub) -> None:
    """Put the pages behind every route that the app has already."""
    # A second console after the first has stopped: the app NiceGUI keeps is made ready to be set up anew.
    nicegui_app.middleware_stack = None
    nicegui_app.user_middleware.clear()
    for page in (fleet_page, device_page, alarms_page, models_page, runs_page, run_page, catalogue_page, health_page):
        page.register(desk, hub)
    ui.run_with(
        app,
        title=f"Tocsin · {desk.site}",
        favicon=ASSETS / "bell.svg",
        dark=None,
        tailwind=False,
        reconnect_timeout=10.0,
        show_welcome_message=False,
    )
