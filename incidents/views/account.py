"""Signing in, and what the browser remembers of a person: theme, shortcuts and zone."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh

from airra.lib import clock, zones
from airra.lib.htmx import is_htmx, next_url, redirect

THEMES = ("light", "dark", "system")
BROWSER = "browser"  # no zone by that name: the one the browser tells of counts
CHOICES = {
    "theme": THEMES,
    "shortcuts": ("on", "off"),
    zones.CHOSEN: (BROWSER, *zones.names()),
}
YEAR_S = 365 * 24 * 3600


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    template_name = "registration/login.html"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        """A poll whose session has ended lands here: reload the page, swap no form into it."""
        if is_htmx(request) and request.method == "GET":
            return HttpResponseClientRefresh()
        return super().dispatch(request, *args, **kwargs)


@login_not_required
@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Remember a choice in a cookie that the server reads, so that no page flashes."""
    answer = redirect(request, next_url(request, "incidents:list"))
    for name, allowed in CHOICES.items():
        wanted = request.POST.get(name, "")
        if wanted in allowed:
            answer.set_cookie(
                name,
                wanted,
                max_age=YEAR_S,
                samesite="Lax",
                httponly=True,
                secure=settings.SESSION_COOKIE_SECURE,
            )
    return answer


def account(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    seen = zones.named(request.COOKIES.get(zones.SEEN, ""))
    context = {
        "browser": BROWSER,
        "browser_zone": seen and seen.key,
        "is_chosen": zones.named(request.COOKIES.get(zones.CHOSEN, "")) is not None,
        "zones": [(name, zones.offset(ZoneInfo(name), now)) for name in zones.names()],
    }
    return render(request, "incidents/account.html", context)
