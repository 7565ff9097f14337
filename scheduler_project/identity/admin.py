"""The admin of people and of API tokens. A token's key is shown once, when it is issued; only its hash is stored."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from jobs.admin.display import badge, instant
from jobs.deeds import Deed
from scheduler_project.identity.models import ApiToken, User

# The groups are the roles: fixed names, given to people on their own page.
admin.site.unregister(Group)


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    list_display = ("username", "email", "first_name", "last_name", "roles", "is_active", "last_login")
    list_filter = ("groups", "is_active", "is_superuser")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (gettext_lazy("Person"), {"fields": ("first_name", "last_name", "email")}),
        (
            gettext_lazy("Role"),
            {
                "fields": ("is_active", "groups", "is_superuser"),
                "description": gettext_lazy(
                    "A viewer reads. An operator also runs jobs, pauses and resumes them. An admin does everything, and"
                    " so does a superuser."
                ),
            },
        ),
        (gettext_lazy("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "usable_password", "password1", "password2", "groups")}),
    )

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs |= {"widget": forms.CheckboxSelectMultiple, "help_text": ""}
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Inactive, not gone: what somebody did keeps their name, and OKLA's next token does not bring them back."""
        return False

    def log_addition(self, request: HttpRequest, user: User, message: Any) -> Any:
        self._tell("UserCreated", user, message)
        return super().log_addition(request, user, message)

    def log_change(self, request: HttpRequest, user: User, message: Any) -> Any:
        """Also of a password, which is named and never shown."""
        self._tell("UserChanged", user, message)
        return super().log_change(request, user, message)

    def _tell(self, action: str, user: User, message: Any) -> None:
        after = {
            "email": user.email, "is_active": user.is_active, "is_superuser": user.is_superuser,
            "roles": sorted(user.groups.values_list("name", flat=True)), "changed": message,
        }  # fmt: skip
        Deed(action, "User", user.pk, user.get_username(), after=after).tell()

    @admin.display(description=gettext_lazy("roles"))
    def roles(self, user: User) -> str:
        names = [group.name for group in user.groups.all()]
        return ", ".join([*names, _("superuser")] if user.is_superuser else names)


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "owner", "may", "state", "last_used", "created", "expires", "revoked")
    list_display_links = ("name",)
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")
    fields = ("name", "owner", "role", "expires_at")
    ordering = ("-created_at",)
    actions = ("revoke",)

    class Media:
        css = {"all": ["jobs/admin.css"]}

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        shown = ("name", "owner", "may", "state", "last_used", "created", "expires", "revoked")
        return shown if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return self.get_fields(request, obj) if obj else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"owner": request.user.pk, **super().get_changeform_initial_data(request)}

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False  # revoke it: the row says who had a key and until when

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("identity.change_apitoken")

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        token, key = ApiToken.issue(owner=obj.owner, name=obj.name, role=obj.role, expires_at=obj.expires_at)
        obj.pk = token.pk
        text = _("The key of “{name}”: {key} Copy it now, it is not shown again.")
        messages.warning(request, format_html(text, name=token.name, key=format_html("<code>{}</code>", key)))

    @admin.action(description=gettext_lazy("Revoke selected tokens"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        revoked = [token for token in tokens.filter(revoked_at=None) if token.revoke()]
        for token in revoked:
            self.log_change(request, token, _("Revoked."))
        text = ngettext("%(count)d token was revoked.", "%(count)d tokens were revoked.", len(revoked))
        self.message_user(request, text % {"count": len(revoked)}, messages.SUCCESS)

    @admin.display(description=gettext_lazy("may do"), ordering="role")
    def may(self, token: ApiToken) -> str:
        return str(token.get_role_display())

    @admin.display(description=gettext_lazy("state"))
    def state(self, token: ApiToken) -> str:
        if token.revoked_at:
            return badge("disabled", _("Revoked"))
        if token.is_usable(timezone.now()):
            return badge("usable", _("Usable"))
        return badge("expired", _("Expired") if token.owner.is_active else _("Owner is inactive"))

    @admin.display(description=gettext_lazy("last used at"), ordering="last_used_at")
    def last_used(self, token: ApiToken) -> str:
        return instant(token.last_used_at)

    @admin.display(description=gettext_lazy("created at"), ordering="created_at")
    def created(self, token: ApiToken) -> str:
        return instant(token.created_at)

    @admin.display(description=gettext_lazy("expires at"), ordering="expires_at")
    def expires(self, token: ApiToken) -> str:
        return instant(token.expires_at)

    @admin.display(description=gettext_lazy("revoked at"))
    def revoked(self, token: ApiToken) -> str:
        return instant(token.revoked_at)
