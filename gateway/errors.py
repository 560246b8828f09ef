"""What can go wrong on the Sage 100 side.

Problem
└── GatewayProblem
    ├── SettingsInvalid         the settings file lacks a key or holds a bad one
    ├── DatabaseProblem         the Sage 100 database
    │   ├── DatabaseMissing     no such file or database
    │   ├── DatabaseUnreachable no answer, or sign-in refused
    │   ├── DatabaseBusy        locked by somebody else for too long; may be retried
    │   ├── DatabaseFull        no space left
    │   ├── DatabaseRefused     the server rejected a statement
    │   └── NotSage             the database lacks the tables of a Sage 100 company
    ├── BaseReleased            the base is released for exclusive work (CRM-58)
    ├── BaseInUse               it is to be released, and calls under way do not end; may be retried
    ├── ReleaseNotKept          that it is released could not be written down, or crossed out
    ├── BaseNotEmpty            a demonstration base is only built in an empty place
    └── InputInvalid            a file to load is unreadable or lacks columns
"""

from __future__ import annotations

from contracts.errors import Problem


class GatewayProblem(Problem):
    """An error of the Sage 100 side."""

    code = "gateway_problem"


class SettingsInvalid(GatewayProblem):
    """The settings file is missing, unreadable, or one of its keys is wrong."""

    code = "settings_invalid"
    remedy_default = "Correct the settings file, then start again."


class DatabaseProblem(GatewayProblem):
    """The Sage 100 database cannot be used."""

    code = "database_problem"
    remedy_default = "Check the database URL and the state of the server."


class DatabaseMissing(DatabaseProblem):
    """There is no such database."""

    code = "database_missing"
    remedy_default = "Check the path, or make a base with `sage-gateway demo-base`."


class DatabaseUnreachable(DatabaseProblem):
    """The database server does not answer or refuses the sign-in."""

    code = "database_unreachable"
    remedy_default = "Check that the server is started, its address, the user and the password."
    retry = True


class DatabaseBusy(DatabaseProblem):
    """Somebody else held the database locked for too long."""

    code = "database_locked"
    remedy_default = "Close the program that holds the base (exclusive work, backup), then run again."
    retry = True


class DatabaseFull(DatabaseProblem):
    """There is no space left for the database."""

    code = "disk_full"
    remedy_default = "Free some space on the disk of the database, then run again: nothing was half-written."


class DatabaseRefused(DatabaseProblem):
    """The database server rejected a statement."""

    code = "database_refused"
    remedy_default = "Check the rights of the database user and the version of the base."


class NotSage(DatabaseProblem):
    """The database lacks the tables of a Sage 100 company."""

    code = "not_a_sage_base"
    remedy_default = "Name the database of the Sage 100 company, or make one with `sage-gateway demo-base`."


class BaseReleased(GatewayProblem):
    """CRM-58: the base is released for exclusive work; nobody uses it until it is reconnected."""

    code = "base_released"
    remedy_default = "Reconnect Gestion Commerciale once the exclusive work is done."


class BaseInUse(GatewayProblem):
    """The base is to be released, and calls under way still use it."""

    code = "base_in_use"
    remedy_default = "Ask again in a moment; the base is released once the calls under way have ended."
    retry = True


class ReleaseNotKept(GatewayProblem):
    """The file that keeps a release across restarts cannot be written or removed."""

    code = "release_not_kept"
    remedy_default = "Let the gateway's account write the file that its setting state_file names, then ask again."


class BaseNotEmpty(GatewayProblem):
    """A demonstration base is only built where nothing is yet."""

    code = "base_not_empty"
    remedy_default = "Name another file or database, or empty this one first."


class InputInvalid(GatewayProblem):
    """A file given to be loaded cannot be read as what it should be."""

    code = "input_invalid"
    remedy_default = "Check the file: CSV in UTF-8, with the header line the documentation gives."
