"""Prints which of these regions lack which of these resource types, by AWS's published schemas."""

import json
import sys

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError


def is_known(kind, region):
    try:
        PROVIDER_SCHEMA_MANAGER.get_resource_schema(region=region, resource_type=kind)
    except ResourceNotFoundError:
        return False
    return True


kinds, regions = map(json.loads, sys.argv[1:])
json.dump([[region, kind] for region in regions for kind in kinds if not is_known(kind, region)], sys.stdout)
