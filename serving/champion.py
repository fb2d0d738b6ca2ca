"""Which bundle to serve, and the switch to another one while requests go on."""

import gc
import json
import threading
from collections.abc import Callable
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from recsys.bundle import MANIFEST, Bundle, load_bundle, sha256_of
from recsys.errors import BundleError, RecsysError, StoreError
from serving.measures import moved

log = structlog.get_logger()
CHAMPION = "champion.json"


class Champion(BaseModel):
    """What promotion wrote last."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    version: str
    path: Path
    manifest_sha256: str


def read_champion(var: Path) -> Champion | None:
    """The published champion, None where nothing is published yet."""
    file = var / CHAMPION
    try:
        champion = Champion.model_validate(json.loads(file.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError) as error:
        raise BundleError(f"{file} cannot be read ({error}). Promote a model again.") from None
    path = champion.path if champion.path.is_absolute() else var / champion.path
    return champion.model_copy(update={"path": path})


def bundle_folder(var: Path, given: Path | None) -> Path | None:
    """Where the bundle that is served lies: the one that the settings give, else the champion's; None without one."""
    champion = None if given else read_champion(var)
    return given or (champion.path if champion else None)


def load_champion(champion: Champion) -> Bundle:
    """The champion's bundle, verified against the manifest that was promoted."""
    manifest = champion.path / MANIFEST
    if not manifest.is_file() or sha256_of(manifest) != champion.manifest_sha256:
        raise BundleError(f"{manifest} is not the manifest that was promoted. Promote {champion.version} again.")
    return load_bundle(champion.path)


THRESHOLDS = 20_000, 20, 20  # new objects, collections of the youngest, of the middle ones


def settle() -> None:
    """Keep what was just loaded out of garbage collection: it lives for days, and walking it costs 100 ms a request.

    What requests make lies in no cycles but for a few, and lives until its decision is logged: to look for garbage as
    often as Python does of itself would walk it for nothing, a twentieth of the time of a list.
    """
    gc.set_threshold(*THRESHOLDS)
    gc.unfreeze()  # the bundle before this one was frozen too, and may now go
    gc.collect()
    gc.freeze()


class Watcher:
    """Looks at var/champion.json every second; a bad bundle is refused and the old one keeps serving."""

    def __init__(self, var: Path, switch: Callable[[Bundle], None], every: float = 1.0) -> None:
        self._var = var
        self._served: str | None = None  # manifest sha256 of what is served
        self._refused: str | None = None
        self._said = ""
        self._switch = switch
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="champion-watcher", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        self._thread.join(timeout=5)

    def look(self) -> bool:
        """Switch if the champion has moved; True if it did."""
        champion = read_champion(self._var)
        if champion is None or champion.manifest_sha256 in (self._served, self._refused):
            return False
        self._refused = champion.manifest_sha256  # until it is served; said once, and not tried every second
        try:
            self._switch(load_champion(champion))
        except StoreError:  # the bundle is not at fault, and is tried again with the next look
            self._refused = None
            raise
        except Exception:
            moved("refused")
            raise
        self._served, self._refused = champion.manifest_sha256, None
        settle()
        moved("switched")
        log.info("champion_switched", version=champion.version)
        return True

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            try:
                self.look()
            except RecsysError as error:
                self._say(str(error))
            except Exception:
                log.exception("champion_refused")

    def _say(self, sentence: str) -> None:
        # A pointer that stays unreadable is found anew every second; once is enough to say it.
        if sentence != self._said:
            log.error("champion_refused", error=sentence)
            self._said = sentence
