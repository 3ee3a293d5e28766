"""Old mappings point with dotted paths; from here on a mapping holds JMESPath expressions.

The conversion is written out here, because a migration must not follow later changes of the engine.
"""

from django.db import migrations

FIELDS = (
    "title", "key", "state", "severity", "service", "description", "labels", "starts_at", "ends_at",
)  # fmt: skip


def to_expression(path):
    """`event.checks.0.name-x` becomes `event.checks[0]."name-x"`."""
    found = ""
    for step in path.split("."):
        if found and step.isascii() and step.isdecimal():
            found += f"[{int(step)}]"
            continue
        is_plain = step.isascii() and step.isidentifier()
        quoted = '"' + step.replace("\\", "\\\\").replace('"', '\\"') + '"'
        found += ("." if found else "") + (step if is_plain else quoted)
    return found


def to_path(expression):
    """The way back, for what `to_expression` makes; an expression that is more stays as it is."""
    if set(expression) & set("()|&*@?{`!<>=:,'"):
        return expression
    path = expression.replace("[", ".").replace("]", "")
    return path.replace('\\"', "\0").replace('"', "").replace("\0", '"').replace("\\\\", "\\")


def _rewrite(apps, convert):
    integrations = apps.get_model("incidents", "Integration").objects.filter(kind="generic")
    for integration in integrations.exclude(mapping={}):
        mapping = integration.mapping
        if not isinstance(mapping, dict):
            continue
        for name in FIELDS:
            if isinstance(mapping.get(name), str):
                mapping[name] = convert(mapping[name].strip())
        integration.save(update_fields=["mapping"])


def forward(apps, schema_editor):
    _rewrite(apps, to_expression)


def backward(apps, schema_editor):
    _rewrite(apps, to_path)


class Migration(migrations.Migration):
    dependencies = [("incidents", "0012_one_place_for_tokens")]

    operations = [migrations.RunPython(forward, backward)]
