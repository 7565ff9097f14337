"""The three channels: how a parcel goes out on each."""

from executions.enums import Channel
from executions.notices import letters, outbox, payload
from executions.notices.parcels import Parcel
from jobs import gateways
from jobs.gateways.notifications import Delivery, MessageRefused, NotificationError, PartlyTold


def send(parcel: Parcel) -> None:
    """Raises MessageRefused when this one can never be sent, GatewayError when the channel is at fault."""
    _SENDERS[parcel.channel](parcel)


def _to_administrators(parcel: Parcel) -> None:
    try:
        gateways.current().notifications.alert(letters.alert(parcel))
    except PartlyTold as fault:
        outbox.pass_on(parcel.rows, fault.left)


def _by_email(parcel: Parcel) -> None:
    delivery = gateways.current().notifications.send(letters.email(parcel))
    if delivery is Delivery.BLOCKED:
        raise MessageRefused("The recipient has not consented to e-mail.")
    if delivery is Delivery.SKIPPED:
        raise NotificationError("NotificationService has e-mail switched off.", permanent=True)


def _to_webhook(parcel: Parcel) -> None:
    gateways.current().webhook.send(payload.of(parcel), delivery_id=parcel.message_id)


_SENDERS = {
    Channel.ADMINISTRATORS: _to_administrators,
    Channel.EMAIL: _by_email,
    Channel.WEBHOOK: _to_webhook,
}
