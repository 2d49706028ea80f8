"""The documentation site: `make docs`. Warnings are errors; nothing is downloaded."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_extensions")]

import matplotlib as mpl
from docutils import nodes

import sklearn_csg2a

mpl.use("agg")

project = "sklearn_csg2a"
author = "The sklearn_csg2a developers"
copyright = "The sklearn_csg2a developers, BSD 3-Clause"  # noqa: A001 (Sphinx's name)
version = release = sklearn_csg2a.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "public_names",
    "results_tables",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = [
    "_build",
    "_extensions",
    "_templates",
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
]
templates_path = ["_templates"]

myst_enable_extensions = ["attrs_block", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections say it in words
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False


sphinx_gallery_conf = {
    "examples_dirs": str(HERE.parent / "examples"),
    "gallery_dirs": "gallery",
    "filename_pattern": r"[\\/]plot_",
    "ignore_pattern": r"(^|[\\/])demo\.py$",  # longer than a minute: make demo
    "download_all_examples": False,
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "show_memory": False,
    "min_reported_time": 5,
    "reset_modules": ("matplotlib",),
    "show_signature": False,
    "within_subsection_order": "FileNameSortKey",
}

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_csg2a"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "start": [], "questions": []}  # nothing is below them

# Examples show what a user sees, but for what depends on the machine.
warnings.filterwarnings("ignore", message="Matplotlib is currently using agg")

# The pages are read in the repository, too, where they link to files outside of docs/.
PAGES = {
    "../README.md": "start.md",
    "../benchmarks/README.md": "benchmarks.md",
    "../sklearn_csg2a/encoders/weights/README.md": "weights.md",
    "../CONTRIBUTING.md": "contributing.md",
    "../CHANGELOG.md": "changes.md",
}
OF_RESULTS = re.compile(r"\]\(\.\./benchmarks/results/(\w+)\.md")


def _link_within(app, docname, source):
    """Turn links to files of the repository into links to pages of the site."""
    text = source[0]
    for file, page in PAGES.items():
        text = text.replace(f"]({file}", f"]({page}")
    source[0] = OF_RESULTS.sub(r"](reports/\1.md", text)


def _keep_together(app, path, docname, content):
    """Keep a mean and its deviation on one line in the tables of reports."""
    content[0] = content[0].replace(" ± ", "\u00a0±\u00a0")


def _escape_trailing_underscores(app, what, name, obj, options, lines):
    """Keep names such as n_iter_ from being read as links, before numpydoc."""
    for at, line in enumerate(lines):
        found = re.match(r"^(\s*)([\w, ]+) : (.*)$", line)
        if found:
            indent, names, kind = found.groups()
            names = re.sub(r"_,", r"\\_,", names)
            kind = re.sub(r"(?<![`\w])(\w+)_(?=\W|$)(?!`)", r"\1\\_", kind)
            lines[at] = f"{indent}{names} : {kind}"


def _describe_thumbnails(app, doctree):
    """Give pictures of the gallery a text in their place."""
    for image in doctree.findall(nodes.image):
        found = re.search(r"sphx_glr_(\w+)_thumb", image["uri"])
        if found and not image.get("alt"):
            image["alt"] = f"A picture from {found[1]}.py"


def setup(app):
    app.connect("doctree-read", _describe_thumbnails)
    app.connect("source-read", _link_within)
    app.connect("include-read", _keep_together)
    app.connect("autodoc-process-docstring", _escape_trailing_underscores, priority=10)
