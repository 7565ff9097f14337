"""Who comes with a token of OKLA's: a row of their own, so that history and audit can name them later."""

from scheduler_project.identity.models import User
from scheduler_project.identity.okla_tokens import Bearer
from scheduler_project.identity.roles import Role

LONGEST = {"username": 150, "first_name": 150, "email": 254}  # as Django's AbstractUser has them


def person_of(bearer: Bearer) -> User:
    """The user with the token's role for this request. Their own groups here, if any, do not count.

    There is a row from the first sight on of somebody who may do something; others leave no trace, whoever they are.
    """
    user = _arrived(bearer) if bearer.role > Role.NONE else User(id=bearer.user_id, username=str(bearer.user_id))
    user.acts_as = bearer.role
    return user


def _arrived(bearer: Bearer) -> User:
    about = {"first_name": _kept(bearer.name, "first_name"), "email": _kept(bearer.email, "email")}
    user = User.objects.filter(pk=bearer.user_id).first()
    if user is None:
        new = {"username": _username(bearer, about["email"]), "password": "!", **about}
        user, _created = User.objects.get_or_create(id=bearer.user_id, defaults=new)
    changed = [field for field, value in about.items() if value and getattr(user, field) != value]
    if changed and user.is_active:
        for field in changed:
            setattr(user, field, about[field])
        user.save(update_fields=changed)
    return user


def _username(bearer: Bearer, email: str) -> str:
    """The address, which AuthService vouches for, unless somebody here is called so; else the id."""
    fits = email and len(email) <= LONGEST["username"] and not User.objects.filter(username=email).exists()
    return email if fits else str(bearer.user_id)


def _kept(text: str, field: str) -> str:
    """As much of it as the field and PostgreSQL take."""
    return "".join(character for character in text if character.isprintable())[: LONGEST[field]]
