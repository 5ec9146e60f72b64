"""Which topic each module of Python's standard library belongs to.

The longest matching prefix of a dotted name decides, so ``urllib`` covers ``urllib.parse`` and a
class of ``builtins`` can have a topic of its own. What is not listed takes no part: packaging
(``distutils``, ``ensurepip``), jokes, and platform glue fit none of the nine topics. Modules that
the running version lacks are simply absent; those named with ``_`` hold the documentation of a
public module in some versions.
"""

from __future__ import annotations

TOPICS: tuple[str, ...] = (
    "text",
    "data",
    "math",
    "files",
    "net",
    "concurrency",
    "language",
    "gui",
    "testing",
)
"""The classes, in the order of their indices."""

MODULES: dict[str, str] = {
    "text": """
        re _sre sre_compile sre_constants sre_parse string _string difflib textwrap unicodedata
        stringprep gettext locale _locale codecs _codecs encodings html _markupbase xml pyexpat
        _elementtree pprint reprlib shlex argparse optparse getopt cmd csv _csv configparser
        _strptime builtins.str
        """,
    "data": """
        array bisect _bisect calendar collections _collections _collections_abc copy copyreg
        dataclasses datetime _datetime _pydatetime dbm enum graphlib heapq _heapq json _json marshal
        pickle _pickle pickletools plistlib shelve sqlite3 _sqlite3 struct _struct time tomllib
        types weakref _weakref _weakrefset xdrlib zoneinfo _zoneinfo builtins.bytearray
        builtins.bytes builtins.dict builtins.frozenset builtins.list builtins.memoryview
        builtins.range builtins.set builtins.tuple
        """,
    "math": """
        cmath colorsys decimal _decimal _pydecimal fractions hashlib _hashlib _blake2 _md5 _sha1
        _sha2 _sha3 _sha256 _sha512 hmac _hmac itertools math numbers _pylong random _random secrets
        statistics _statistics uuid builtins.abs builtins.complex builtins.divmod builtins.float
        builtins.int builtins.max builtins.min builtins.pow builtins.round builtins.sum
        """,
    "files": """
        aifc audioop bz2 _bz2 chunk compression _compression fcntl filecmp fileinput fnmatch
        genericpath glob gzip imghdr io _io linecache lzma _lzma mmap ntpath os pathlib pipes
        posixpath _pyio shutil sndhdr stat _stat sunau tarfile tempfile wave zipapp zipfile
        zlib _zstd builtins.open
        """,
    "net": """
        asynchat asyncore base64 binascii cgi cgitb email ftplib http imaplib ipaddress mailbox
        mailcap mimetypes netrc nntplib nturl2path poplib quopri select selectors smtpd smtplib
        socket _socket socketserver ssl _ssl telnetlib urllib uu webbrowser wsgiref xmlrpc
        """,
    "concurrency": """
        asyncio _asyncio concurrent _contextvars contextvars multiprocessing _multiprocessing
        _interpreters _interpqueues _interpchannels queue _queue sched signal _signal subprocess
        _posixsubprocess _thread threading _threading_local
        """,
    "language": """
        __future__ abc _py_abc annotationlib ast _ast atexit builtins code codeop compileall
        contextlib ctypes _ctypes dis functools _functools gc imp _imp importlib inspect keyword
        lib2to3 modulefinder opcode operator _operator pkgutil py_compile pyclbr pydoc rlcompleter
        runpy site symtable _symtable sys tabnanny token tokenize typing _typing warnings _warnings
        _py_warnings zipimport
        """,
    "gui": "tkinter _tkinter idlelib turtle turtledemo curses _curses _curses_panel",
    "testing": """
        bdb cProfile doctest faulthandler _lsprof logging pdb profile profiling pstats timeit trace
        traceback tracemalloc _tracemalloc unittest
        """,
}
"""Modules of each topic."""

COMPILED = """
    _bz2 _codecs _collections _contextvars _csv _ctypes _curses _curses_panel _functools _hashlib
    _imp _interpchannels _interpqueues _interpreters _locale _lsprof _lzma _multiprocessing
    _posixsubprocess _queue _signal _socket _sqlite3 _sre _ssl _string _struct _symtable _thread
    _tkinter _tracemalloc _typing _weakref _zstd array atexit audioop binascii builtins cmath
    faulthandler fcntl gc itertools marshal math mmap pyexpat select sys time unicodedata zlib
    """
"""Modules without a Python source, whose docstrings are read by importing them.

Each is part of the interpreter, and importing it does nothing else. Twins of Python modules
(``_decimal``, ``_io``, ...) are left out: they say the same in slightly different words, which
would leak between the splits. So is ``posix``: it has every system call, whatever the topic.
"""

_TOPIC_BY_MODULE = {module: topic for topic, names in MODULES.items() for module in names.split()}


def topic_of(name: str) -> str | None:
    """Look up the topic of a dotted name, e.g. ``"urllib.parse"`` or ``"builtins.str.find"``."""
    while name:
        if name in _TOPIC_BY_MODULE:
            return _TOPIC_BY_MODULE[name]
        name = name.rpartition(".")[0]
    return None
