"""OHIF in a headless Chromium, as one who follows a link sees it."""

import base64
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image
from playwright.sync_api import BrowserContext, ConsoleMessage, Response

SIZE = (1400, 900)
ARGUMENTS = (
    "--no-sandbox",  # as root in a container there is none
    "--use-angle=swiftshader",  # WebGL without a GPU
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
PATIENCE_SECONDS = 90.0
CALM_SECONDS = 6.0
"""How long a page must stay right after it was opened."""

Drawn = npt.NDArray[np.uint8]

# What the viewport itself drew: no text, no icons, no other part of the page.
_CANVAS = "() => document.querySelector('canvas.cornerstone-canvas')?.toDataURL('image/png') ?? ''"


class Tab:
    """One page of the viewer, and what went wrong in it (errors of scripts, refused requests)."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.errors: list[str] = []
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)[:300]))
        self.page.on("console", self._listen)
        self.page.on("response", self._look)
        self.page.goto(url, wait_until="domcontentloaded")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.page.close()

    def picture(self) -> Drawn | None:
        """Return what the viewport shows, (rows, columns, 3); ``None`` while there is none."""
        url = str(self.page.evaluate(_CANVAS))
        if not url:
            return None
        content = base64.b64decode(url.partition(",")[2])
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))

    def settle(self, judge: Callable[[Drawn], list[str]], calm_seconds: float) -> list[str]:
        """Return what ``judge`` finds wrong once that stays nothing, else when time is up.

        OHIF shows a segmentation in a viewport of its own first, then loads it into the image's:
        what is right for a moment is looked at for ``calm_seconds`` more.
        """
        deadline, right_since = time.monotonic() + PATIENCE_SECONDS, 0.0
        while True:
            picture = self.picture()
            found = ["no viewport"] if picture is None else judge(picture)
            now = time.monotonic()
            right_since = 0.0 if found else right_since or now
            if (not found and now - right_since >= calm_seconds) or now > deadline:
                return found
            self.page.wait_for_timeout(400)

    def step(self) -> None:
        """Scroll to the next frame."""
        canvas = self.page.locator("canvas.cornerstone-canvas").first
        canvas.hover()
        self.page.mouse.wheel(0, 100)

    def save(self, path: Path) -> None:
        """Keep a screenshot for people."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, timeout=1000 * PATIENCE_SECONDS)

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text[:300])

    def _look(self, response: Response) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status} {response.url[:200]}")
