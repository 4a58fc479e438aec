"""Prints what SAM makes of a template, as CloudFormation gets it; without one, the template of SAM's own bucket."""

import json
import logging
import sys

from samcli.lib.bootstrap.bootstrap import _get_stack_template
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """The roles of these templates are written out: none names a managed policy by a short name."""

    def load(self):
        return {}


logging.disable(logging.CRITICAL)
if len(sys.argv) == 1:
    template = json.loads(_get_stack_template())
else:
    with open(sys.argv[1], encoding="utf-8") as file:
        template = yaml_parse(file.read())
    # What a deployment has uploaded by then.
    template.get("Globals", {}).get("Function", {})["CodeUri"] = "s3://packages/package"
json.dump(transform(template, {}, NoManagedPolicies()), sys.stdout, default=str)
