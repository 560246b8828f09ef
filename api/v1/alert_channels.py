"""/alert_channels, /deliveries: who is told of alerts, by e-mail or webhook, and what each was sent (NEW-09)."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api import etags
from api.etags import TheIfMatch
from api.forms import ID_MAX, Form, Instant, Line, RecordId, View
from api.identity import Administrator, TheEngine
from api.openapi import refuses
from api.pages import Page, ThePlace
from api.problems import not_found
from api.work import AdminOnce, AdminWork
from syncengine import integrations
from syncengine.desk import alert_channels
from syncengine.desk.alert_channels import NewChannel
from syncengine.model import ChannelKind, Delivery, DeliveryState
from syncengine.service.deliveries import deliver_now

router = APIRouter(tags=["alerts"])
_KEY: Final = ("key_missing", "key_wrong", "settings_invalid")
_UNKNOWN: Final = ("channel_unknown",)


class ChannelSheet(View):
    """Somebody to tell; ``integration`` null: of all. The query of a webhook's address is hidden: it may hold a secret."""

    id: int
    kind: ChannelKind
    target: str
    integration: str | None
    active: bool
    created_at: Instant


class ChannelForm(Form):
    """Whom to tell: an e-mail address, or the address that messages are posted to; of one integration, or of all."""

    kind: ChannelKind
    target: Line
    integration_id: Annotated[int, Field(ge=1, le=ID_MAX)] | None = None


class ChannelChange(Form):
    """Whether it is told from now on; what waits to be sent to one that is switched off is given up."""

    active: bool


class NewChannelSheet(View):
    """The channel made. ``secret``, by which the receiver of a webhook checks signatures, is shown this once."""

    channel: ChannelSheet
    secret: str | None


class DeliverySheet(View):
    """One message to one channel: how often it was tried, when it is tried next, what the other side said last."""

    id: int
    channel_id: int
    target: str
    alert_id: int | None
    event: str
    message_id: str
    state: DeliveryState
    attempts: int
    due_at: Instant | None
    answer: str | None
    created_at: Instant
    ended_at: Instant | None


@router.get("/alert_channels")
def list_alert_channels(_caller: Administrator, engine: TheEngine) -> Page[ChannelSheet]:
    """Every channel, in the order they were made."""
    with engine.store.reading() as session:
        found = alert_channels.list_channels(session)
    return Page(items=[ChannelSheet.model_validate(one) for one in found], next=None)


@router.post(
    "/alert_channels",
    status_code=201,
    response_model=NewChannelSheet,
    responses=refuses("integration_unknown", "mail_address", "webhook_address", "channel_known", *_KEY),
)
def create_alert_channel(form: ChannelForm, work: AdminOnce) -> Response:
    """Tell somebody from now on. A webhook's secret is in this answer and never again."""
    with work.writing() as session:
        if form.integration_id is not None:
            integrations.get(session, form.integration_id)
        made = _made(session, form, work)
        work.audit(session, "alert_channel.created", f"alert_channel/{made.channel.id}", {"kind": form.kind.value})
        return _new(session, made, work)


@router.get("/alert_channels/{channel_id}", response_model=ChannelSheet, responses=refuses(*_UNKNOWN))
def get_alert_channel(channel_id: RecordId, _caller: Administrator, engine: TheEngine, request: Request) -> Response:
    """One channel."""
    with engine.store.reading() as session:
        return etags.answer(request, ChannelSheet.model_validate(alert_channels.show_channel(session, channel_id)))


@router.patch("/alert_channels/{channel_id}", response_model=ChannelSheet, responses=refuses(*_UNKNOWN))
def modify_alert_channel(channel_id: RecordId, form: ChannelChange, work: AdminWork, if_match: TheIfMatch) -> Response:
    """Switch a channel on or off."""
    with work.writing() as session:
        before = alert_channels.show_channel(session, channel_id)
        if_match.check(ChannelSheet.model_validate(before))
        view = alert_channels.set_active(session, channel_id, active=form.active, at=work.caller.at)
        if before.active is not form.active:
            detail = {"active": [before.active, form.active]}
            work.audit(session, "alert_channel.changed", f"alert_channel/{channel_id}", detail)
        return work.answer(session, ChannelSheet.model_validate(view), versioned=True)


@router.delete("/alert_channels/{channel_id}", status_code=204, responses=refuses(*_UNKNOWN))
def delete_alert_channel(channel_id: RecordId, work: AdminWork) -> Response:
    """Forget a channel, and the list of what it was sent."""
    with work.writing() as session:
        gone = alert_channels.remove_channel(session, channel_id)
        work.audit(session, "alert_channel.deleted", f"alert_channel/{channel_id}", {"kind": gone.kind.value})
        return work.answer(session, status=204)


@router.post(
    "/alert_channels/{channel_id}/secrets",
    status_code=201,
    response_model=NewChannelSheet,
    responses=refuses(*_UNKNOWN, *_KEY),
)
def renew_channel_secret(channel_id: RecordId, work: AdminOnce) -> Response:
    """A new secret for a webhook in place of the old one; it is in this answer and never again."""
    with work.writing() as session:
        made = alert_channels.renew_secret(session, channel_id, secrets=work.engine.secrets)
        work.audit(session, "alert_channel.secret_renewed", f"alert_channel/{channel_id}")
        return _new(session, made, work)


@router.post(
    "/alert_channels/{channel_id}/test_messages",
    status_code=201,
    response_model=DeliverySheet,
    responses=refuses(*_UNKNOWN),
)
def send_test_message(channel_id: RecordId, work: AdminOnce) -> Response:
    """Send a test message now; the answer tells what the other side said."""
    with work.writing() as session:
        number = alert_channels.write_test(session, channel_id, at=work.engine.store.clock())
        work.audit(session, "alert_channel.tested", f"alert_channel/{channel_id}")
        location = f"/api/v1/deliveries/{number}"
        written = DeliverySheet.model_validate(alert_channels.show_delivery(session, number))
        # Kept before it is sent: the same key again does not send it once more.
        answer = work.answer(session, written, status=201, location=location)
    deliver_now(work.engine, number)
    with work.engine.store.reading() as session:
        sent = DeliverySheet.model_validate(alert_channels.show_delivery(session, number))
    headers = {"Location": answer.headers["Location"]}
    return Response(sent.model_dump_json(), status_code=201, headers=headers, media_type="application/json")


@router.get("/deliveries")
def list_deliveries(
    _caller: Administrator,
    engine: TheEngine,
    place: ThePlace,
    channel_id: Annotated[int | None, Query(ge=1, le=ID_MAX, description="To one channel only.")] = None,
    state: Annotated[DeliveryState | None, Query(description="In one state only.")] = None,
) -> Page[DeliverySheet]:
    """What was sent and what waits, the newest first."""
    with engine.store.reading() as session:
        found = alert_channels.list_deliveries(
            session, channel_id=channel_id, state=state, limit=place.more, before=place.after(int)
        )
    return place.page(found, DeliverySheet.model_validate, lambda one: one.id)


@router.get("/deliveries/{delivery_id}")
def get_delivery(delivery_id: RecordId, _caller: Administrator, engine: TheEngine) -> DeliverySheet:
    """One message, and what became of it."""
    with engine.store.reading() as session:
        if session.get(Delivery, delivery_id) is None:
            raise not_found()
        return DeliverySheet.model_validate(alert_channels.show_delivery(session, delivery_id))


def _made(session: Session, form: ChannelForm, work: AdminOnce) -> NewChannel:
    of, at = form.integration_id, work.caller.at
    if form.kind is ChannelKind.EMAIL:
        return alert_channels.add_email(session, form.target, integration_id=of, at=at)
    private = work.engine.settings.webhook_private_networks
    secrets = work.engine.secrets
    return alert_channels.add_webhook(session, form.target, integration_id=of, private=private, secrets=secrets, at=at)


def _new(session: Session, made: NewChannel, work: AdminOnce) -> Response:
    view = NewChannelSheet.model_validate(made)
    location = f"/api/v1/alert_channels/{made.channel.id}"
    kept = view.model_copy(update={"secret": None})
    return work.answer(session, view, status=201, location=location, kept=kept)
