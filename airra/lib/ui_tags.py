"""Template builtins: icon, badge, ago, sparkline."""

from django import template

register = template.Library()
