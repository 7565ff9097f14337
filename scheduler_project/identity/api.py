"""The door to API tokens, for admins: which there are, a new one of one's own, and the end of one."""

from datetime import datetime
from typing import cast
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.pages import Pages
from jobs.wire import EnumField, Instant, Strict, TextOrNull, WireModelSerializer
from scheduler_project.identity.models import ApiToken, User
from scheduler_project.identity.roles import Role, own_role

FIELDS = ("id", "name", "owner", "role", "created_at", "expires_at", "revoked_at", "last_used_at", "is_usable")
ROLES = [(name, label) for name, label in ApiToken.Scope.choices if name]


def _must_be_to_come(value: datetime) -> None:
    if value <= timezone.now():
        raise serializers.ValidationError(_("This is over. Give an instant to come, or none."))


class ApiTokenSerializer(WireModelSerializer):
    """A token without its key, of which only a hash is kept. `role` null: as its owner."""

    owner = serializers.CharField(source="owner.username", read_only=True)
    role = TextOrNull(read_only=True)
    is_usable = serializers.SerializerMethodField(method_name="usable")

    class Meta:
        model = ApiToken
        fields: tuple[str, ...] = FIELDS
        read_only_fields = fields

    def usable(self, token: ApiToken) -> bool:
        return token.is_usable(timezone.now())


class NewApiTokenSerializer(Strict):
    """A token for whoever asks. Without `role` it does what its owner may, without `expiresAt` it does not end."""

    name = serializers.CharField(max_length=100)
    role = EnumField(choices=ROLES, required=False)
    expires_at = Instant(required=False, validators=[_must_be_to_come])


class IssuedApiTokenSerializer(ApiTokenSerializer):
    """`key` is shown this once: it goes into `Authorization: Token <key>`."""

    key = serializers.SerializerMethodField()

    class Meta(ApiTokenSerializer.Meta):
        fields = (*FIELDS, "key")
        read_only_fields = fields

    def get_key(self, _token: ApiToken) -> str:
        return str(self.context["key"])


class ApiTokensView(ListAPIView[ApiToken]):
    """API tokens, the newest first."""

    roles = {"GET": "admin", "HEAD": "admin"}
    serializer_class = ApiTokenSerializer
    pagination_class = Pages
    queryset = ApiToken.objects.select_related("owner").order_by("-created_at", "id")

    @extend_schema(request=NewApiTokenSerializer, responses={201: IssuedApiTokenSerializer})
    def post(self, request: Request) -> Response:
        """Issue a token of one's own, with a session."""
        wanted = NewApiTokenSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        if isinstance(request.auth, ApiToken):  # it would outlive its end, and its being revoked
            raise PermissionDenied(_("A token cannot issue another one. Log in as its owner."))
        if own_role(cast(User, request.user)) == Role.NONE:  # it came with OKLA's token, which an API token outlives
            raise PermissionDenied(_("A token does what its owner may by themselves, and you have no role here."))
        token, key = ApiToken.issue(owner=cast(User, request.user), **wanted.validated_data)
        issued = IssuedApiTokenSerializer(token, context={"key": key})
        return Response(issued.data, status=status.HTTP_201_CREATED)


class ApiTokenView(APIView):
    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, token_id: str) -> Response:
        """Revoke a token, for good; once more changes nothing. Its row stays: who had a key, and until when."""
        _found(token_id).revoke()
        return Response(status=status.HTTP_204_NO_CONTENT)


def _found(token_id: str) -> ApiToken:
    try:
        return ApiToken.objects.get(pk=UUID(token_id))
    except (ValueError, ApiToken.DoesNotExist):
        raise Http404 from None
