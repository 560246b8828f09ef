"""What can go wrong in the engine, grouped by how one recovers.

    Problem                            (contracts.errors)
    └── EngineProblem
        ├── Fatal                      nothing succeeds until somebody acts
        │   ├── InputRefused           what was asked for is not allowed; nothing was written
        │   │   ├── IntegrationInvalid, IntegrationUnknown, SecondIntegration, SettingsLocked
        │   ├── SettingsInvalid        configuration
        │   │   ├── KeyMissing, KeyWrong, CannotListen
        │   ├── NotActive, Disconnected, CompanyMismatch, DirectReadRefused, DemoFailed
        │   ├── SignInRefused, IdentityProviderFailed
        │   └── DatabaseProblem        the CRM base
        │       ├── DatabaseNewer, DatabaseOutdated, DatabaseForeign
        │       ├── DatabaseUnreachable, DatabaseFull, DatabaseDamaged, DatabaseRefused
        ├── Retriable                  the same again later may succeed, nobody needs to act
        │   ├── AlreadyRunning, LeaseLost, DatabaseBusy, Interrupted, Unforeseen
        │   ├── ErpUnreachable, ErpBusy
        └── DataProblem                one record; the others go on, and it becomes a SyncError

=====================================================================  =====================
situation                                                              raise
=====================================================================  =====================
a value given by a user breaks a rule                                  IntegrationInvalid
no integration of that name                                            IntegrationUnknown
a second integration while multi-integration is off (CRM-62)           SecondIntegration
settings changed while the integration is active (CRM-18)              SettingsLocked
a cycle asked for while the integration is inactive (CRM-11)           NotActive
a cycle asked for while the ERP is released for other work (CRM-58)    Disconnected
the gateway serves another company (CRM-14)                            CompanyMismatch
a cycle would do more than the guards allow (NEW-06)                   GuardStopped
a plan is applied after the data moved on (NEW-02)                     PlanOutdated
a setting is missing or wrong                                          SettingsInvalid
the key of the secrets is not found / is not the one they need         KeyMissing / KeyWrong
the port of the service is in use                                      CannotListen
the base was made by a newer / an older program                        DatabaseNewer / DatabaseOutdated
the database does not answer / is full / is locked                     DatabaseUnreachable / DatabaseFull / DatabaseBusy
another process runs a cycle of this integration                       AlreadyRunning
this process was too slow and another one took over                    LeaseLost
the user or the system stopped the program                             Interrupted
a job of the service ends in a way nobody thought of                   Unforeseen
the demonstration finds a side that does not hold what it should       DemoFailed
somebody who wants to sign in is not let in                            SignInRefused
the identity provider does not answer, or not as it should             IdentityProviderFailed
what is read live does not come: no answer, or none in time (CRM-54)   ErpUnreachable
too many live readings of one ERP at once                              ErpBusy
one record cannot be applied                                           DataProblem
=====================================================================  =====================
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import ClassVar

from contracts.errors import ContractError, Problem, RemoteFault, Unreachable, VersionMismatch


class ExitCode(IntEnum):
    """How ``syncengine`` ends, for scripts and schedulers."""

    OK = 0
    WARNING = 1  # finished, with anomalies that did not stop it
    USAGE = 2  # what was asked for is wrong or not allowed
    CONFIGURATION = 3
    UNREACHABLE = 4  # no answer from the gateway, or none that can be read
    REFUSED = 5  # the other side says no: password, company, version
    DATABASE = 6
    INTERRUPTED = 7
    BUSY = 8  # somebody else is at it


class EngineProblem(Problem):
    """An error of the CRM side."""

    code = "engine_problem"
    exit_code: ClassVar[ExitCode] = ExitCode.CONFIGURATION


class Fatal(EngineProblem):
    """Nothing succeeds until somebody acts."""


class InputRefused(Fatal):
    """What was asked for is not allowed; nothing was written."""

    code = "input_refused"
    exit_code = ExitCode.USAGE


class IntegrationInvalid(InputRefused):
    """A value of the integration record breaks a rule; ``field`` names it."""

    code = "integration_invalid"
    remedy_default = "Correct the value and try again."


class IntegrationUnknown(InputRefused):
    """There is no such integration."""

    code = "integration_unknown"
    remedy_default = "See `syncengine integration list`."


class SecondIntegration(InputRefused):
    """CRM-62: there is one integration unless multi-integration is switched on."""

    code = "second_integration"
    remedy_default = "Modify the existing integration, or switch on the setting multi_integration."


class SettingsLocked(InputRefused):
    """CRM-18: settings can be changed only while the integration is deactivated."""

    code = "settings_locked"
    remedy_default = "Deactivate the integration first: `syncengine integration deactivate`."


class PlanOutdated(InputRefused):
    """NEW-02: the plan that was approved is no longer what would happen; nothing was written."""

    code = "plan_outdated"
    remedy_default = "Make the preview again, look at it, and apply that one."


class SettingsInvalid(Fatal):
    """A setting of the program is missing or wrong."""

    code = "settings_invalid"
    remedy_default = "Correct the setting (environment SYNCENGINE_… or syncengine.toml), then start again."


class KeyMissing(SettingsInvalid):
    """The key of the stored passwords is not where it should be."""

    code = "key_missing"
    remedy_default = "Restore the key file from its backup, or enter the passwords again to make a new key."


class KeyWrong(SettingsInvalid):
    """The key at hand does not open the stored passwords."""

    code = "key_wrong"
    remedy_default = "Restore the key the passwords were stored with, or enter the passwords again."


class NotActive(Fatal):
    """CRM-11: an integration that is not activated triggers no cycle."""

    code = "integration_not_active"
    exit_code = ExitCode.REFUSED
    remedy_default = "Activate it: `syncengine integration activate`."


class Disconnected(Fatal):
    """CRM-58: the ERP base is released for exclusive work."""

    code = "integration_disconnected"
    exit_code = ExitCode.REFUSED
    remedy_default = "Reconnect Gestion Commerciale once the exclusive work is done."


class CompanyMismatch(Fatal):
    """CRM-14: the gateway serves another company than the integration names."""

    code = "company_mismatch"
    exit_code = ExitCode.REFUSED
    remedy_default = "Correct the company name (raison sociale) of the integration, or its address."


class GuardStopped(Fatal):
    """NEW-06: the cycle would create, change or deactivate more than its guards allow; nothing was written."""

    code = "guard_stopped"
    exit_code = ExitCode.REFUSED
    remedy_default = (
        "Look at the plan: `syncengine plan show PLAN`. If you want it, run the same command again with `--apply PLAN`."
    )


class SignInRefused(Fatal):
    """Who wants to sign in is not known, not active, locked out for a while, or the password is wrong: it is not told which."""

    code = "sign_in_refused"
    exit_code = ExitCode.REFUSED
    remedy_default = (
        "Type login and password again, wait a quarter of an hour, or ask an administrator for a new password."
    )


class IdentityProviderFailed(Fatal):
    """The identity provider did not answer, or answered something that proves nobody's identity."""

    code = "identity_provider_failed"
    exit_code = ExitCode.UNREACHABLE
    remedy_default = (
        "Sign in with a password; an administrator checks the settings oidc_issuer, oidc_client_id and …_secret."
    )


class DemoFailed(Fatal):
    """The demonstration found a side that does not hold what it should."""

    code = "demo_failed"
    exit_code = ExitCode.WARNING
    remedy_default = "Report it, with the folder of the demonstration: both bases and the log are in it."


class DatabaseProblem(Fatal):
    """The CRM base cannot be used."""

    code = "database_problem"
    exit_code = ExitCode.DATABASE
    remedy_default = "Check the database URL and the state of the server."


class DatabaseNewer(DatabaseProblem):
    """The base was made or upgraded by a newer program."""

    code = "database_newer"
    remedy_default = "Install the version of the program that upgraded this base, or a later one."


class DatabaseOutdated(DatabaseProblem):
    """The base was made by an older program."""

    code = "database_outdated"
    remedy_default = "Back it up, then run `syncengine db upgrade`."


class DatabaseForeign(DatabaseProblem):
    """The database holds tables of something else."""

    code = "database_foreign"
    remedy_default = "Name an empty database, or the one of the CRM."


class DatabaseUnreachable(DatabaseProblem):
    """The database cannot be opened: no answer, no such file, or sign-in refused."""

    code = "database_unreachable"
    remedy_default = "Check that the server is started, the address, the user, the password and the rights on the file."
    retry = True


class DatabaseFull(DatabaseProblem):
    """There is no space left for the base."""

    code = "disk_full"
    remedy_default = "Free some space on the disk of the database, then run again: nothing was half-written."


class DatabaseDamaged(DatabaseProblem):
    """The file is not a database, or is damaged."""

    code = "database_damaged"
    remedy_default = "Restore the base from its backup; the next cycle brings it up to date."


class DatabaseRefused(DatabaseProblem):
    """The database rejected a statement."""

    code = "database_refused"
    remedy_default = "Check the rights of the database user; if they are right, report this message."


class Retriable(EngineProblem):
    """The same again later may succeed, without anybody acting."""

    retry = True
    exit_code = ExitCode.BUSY


class DirectReadRefused(Fatal):
    """CRM-59: the ERP database refuses what is read directly: the user, a table, or a right."""

    code = "direct_read_refused"
    exit_code = ExitCode.REFUSED
    remedy_default = (
        "Check address, user and rights of the direct connection; it needs to read the tables and nothing more."
    )


class AlreadyRunning(Retriable):
    """Another process runs a cycle of this integration."""

    code = "already_running"
    remedy_default = "Wait until it has ended: `syncengine status` shows its progress."


class LeaseLost(Retriable):
    """Another process took the integration over; what this one had not committed is dropped."""

    code = "lease_lost"
    remedy_default = "Nothing to do: the other process goes on from the last committed page."


class DatabaseBusy(Retriable):
    """Somebody else held the base locked for too long."""

    code = "database_locked"
    exit_code = ExitCode.DATABASE
    remedy_default = "Close the program that holds the base (backup, another tool), then run again."


class Interrupted(Retriable):
    """The user or the system stopped the program."""

    code = "interrupted"
    exit_code = ExitCode.INTERRUPTED
    remedy_default = "Run again: it continues from the last committed page."


class Unforeseen(Retriable):
    """A job of the service ended in a way that nobody thought of, or for want of memory; the service goes on."""

    code = "unforeseen"
    remedy_default = "Look into syncengine.log; if there was memory enough, report it."


class ErpUnreachable(Retriable):
    """CRM-54: Sage 100 does not answer what is asked live, or not in time; ``since`` is the first failure in a row."""

    code = "erp_unreachable"
    exit_code = ExitCode.UNREACHABLE
    remedy_default = "Try again in a minute; if it goes on, have the server of Sage 100 and its gateway looked at."

    def __init__(self, message: str, *, since: datetime | None = None, record: str | None = None) -> None:
        super().__init__(message, record=record)
        self.since = since


class ErpBusy(Retriable):
    """CRM-54: as many readings of this Sage 100 are under way as are allowed at once, and none ended in time."""

    code = "erp_busy"
    remedy_default = "Try again in a moment."


class CannotListen(SettingsInvalid):
    """The address or port of the service cannot be listened on."""

    code = "cannot_listen"
    remedy_default = "Choose another host or port, or stop the program that uses this one."


class DataProblem(EngineProblem):
    """One record cannot be applied; it becomes a SyncError and the others go on (CRM-49)."""

    code = "record_refused"
    exit_code = ExitCode.WARNING
    remedy_default = "Correct the record in Sage 100; it arrives with the next cycle."


def exit_code(problem: Problem) -> ExitCode:
    """How the program ends because of a problem, those of the wire included."""
    match problem:
        case EngineProblem():
            return problem.exit_code
        case Unreachable():
            return ExitCode.UNREACHABLE
        case VersionMismatch():
            return ExitCode.REFUSED
        case ContractError():
            return ExitCode.UNREACHABLE
        case RemoteFault():
            return ExitCode.UNREACHABLE if problem.may_retry else ExitCode.REFUSED
        case _:
            return ExitCode.CONFIGURATION
