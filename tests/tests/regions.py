"""Prints the regions that lack a resource type of a template, as SAM makes it, and that type, by AWS's published schemas."""

import json
import logging
import sys

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """No role of these templates names a managed policy by a short name."""

    def load(self):
        return {}


def is_known(kind, region):
    try:
        PROVIDER_SCHEMA_MANAGER.get_resource_schema(region=region, resource_type=kind)
    except ResourceNotFoundError:
        return False
    return True


logging.disable(logging.CRITICAL)
path, *regions = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    template = yaml_parse(file.read())
# What a deployment has uploaded by then.
template.get("Globals", {}).get("Function", {})["CodeUri"] = "s3://packages/package"
resources = transform(template, {}, NoManagedPolicies())["Resources"].values()
kinds = sorted({resource["Type"] for resource in resources})
lacking = [[region, kind] for region in regions for kind in kinds if not is_known(kind, region)]
json.dump({"kinds": kinds, "lacking": lacking}, sys.stdout)
