"""What goes into a page besides records: libraries out of their packages, our own style and scripts, their hashes."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import re
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from bench.errors import BenchError

PAGE = Path(__file__).with_name("page")
"""The folder of our own files."""
SCRIPTS = ("tables.js", "plots.js", "records.js", "start.js")
"""Of the page's body, in the order in which they run."""
EXPORT = re.compile(r"export\{([^{}]*)\};?")
JSON_ESCAPES = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"}


def scripts() -> dict[str, str]:
    """All scripts of the page by their names in the template."""
    return {
        "theme_script": own("theme.js"),
        "datatables_script": datatables(),
        "plotly_script": plotly(),
        "page_script": "\n".join(map(own, SCRIPTS)),
    }


def styles() -> str:
    """All of the page's style."""
    return datatables_style() + own("style.css")


def own(name: str) -> str:
    """One of our own files."""
    return (PAGE / name).read_text(encoding="utf-8")


def plotly() -> str:
    """The library of plots (https://plotly.com/javascript), as a script that defines `Plotly`."""
    return _safe(_file("plotly", "package_data/plotly.min.js"))


def datatables() -> str:
    """The library of tables (https://datatables.net), as a script that defines `DataTables`, an object with `jQuery`.

    The package has it as a module, which no other script of a page without files could import.

    Raises:
        BenchError: the module does not end in the one export that it should have.
    """
    module = _file("itables", "html/dt_bundle.js")
    exports = EXPORT.findall(module)
    if len(exports) != 1:
        raise BenchError(f"the report cannot use this version of itables: its script has {len(exports)} exports")
    pairs = (part.split(" as ") for part in exports[0].split(","))
    named = ",".join(f"{name}:{local}" for local, name in pairs if name != "default")
    script = EXPORT.sub(lambda _: f"window.DataTables={{{named}}};", module)
    return _safe(f'(()=>{{"use strict";{script}\n}})();')


def datatables_style() -> str:
    """The style sheet of the tables.

    Raises:
        BenchError: it would end the element that it is to stand in.
    """
    style = _file("itables", "html/dt_bundle.css")
    if "</" in style:
        raise BenchError("the report cannot use this version of itables: its style sheet holds HTML")
    return style.replace("\r\n", "\n")


def as_json(value: object) -> str:
    """JSON that may stand in a `script` element whatever texts it holds."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return text.translate(JSON_ESCAPES)


def embedded(text: str) -> Markup:
    """Script, style or JSON as it is: what came from records is in JSON alone, see `as_json`."""
    return Markup(text)  # noqa: S704


def policy(scripts: Sequence[str]) -> str:
    """A content security policy under which these scripts run and nothing else does, and nothing is requested."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _file(package: str, name: str) -> str:
    """A file of an installed package, which is not imported for it.

    Raises:
        BenchError: it is not there.
    """
    found = importlib.util.find_spec(package)
    for folder in (found.submodule_search_locations if found else None) or ():
        path = Path(folder) / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise BenchError(f"the report needs {name} of the package {package}; pip install -c constraints.txt {package}")


def _safe(text: str) -> str:
    """A script without what would end, or hide the end of, the element that it stands in.

    These stand in string and regular expression literals, where an escape means the same:
    https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements
    """
    text = text.replace("\r\n", "\n").replace("<!--", r"\x3C!--")
    return re.sub(r"<(/?script)", r"\\x3C\1", text, flags=re.IGNORECASE)
