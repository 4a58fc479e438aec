//! What an account in production asks of the templates: keys, networks, boundaries and senders of its own, and data
//! that outlive accidents. None of the former is there unless it is given.
#![expect(clippy::unwrap_used, reason = "a template that lacks what is asked for fails its test")]

use std::collections::BTreeSet;

use contact_injection_tests::template::Template;
use contact_injection_tests::workspace_root;
use serde_json::{Value, json};

const KEY: (&str, &str) = ("KmsKeyArn", "arn:aws:kms:eu-west-1:000000000000:key/11111111-2222-4333-8444-555555555555");
const BOUNDARY: (&str, &str) = ("PermissionsBoundaryArn", "arn:aws:iam::000000000000:policy/bounds");
const NETWORK: [(&str, &str); 2] = [("SubnetIds", "subnet-1,subnet-2"), ("SecurityGroupIds", "sg-1")];
const RESTORED: (&str, &str) = ("RestoredLedgerTable", "ledger-restored");
const BUS: (&str, &str) = ("OutcomeBusArn", "arn:aws:events:eu-west-1:000000000000:event-bus/outcomes");

fn template(given: &[(&str, &str)]) -> Template {
    let given = [given, &[("UrgentConcurrency", "2")]].concat();
    Template::read().unwrap().deployed_with(&given).unwrap()
}

fn outcomes(given: &[(&str, &str)]) -> Template {
    Template::read_outcomes().unwrap().deployed_with(given).unwrap()
}

/// Every resource of a type in both templates.
fn resources_of(kind: &str, given: &[(&str, &str)]) -> Vec<(String, Value)> {
    let both = [template(given), outcomes(given)];
    let resources = both.iter().flat_map(|template| template.resources_of(kind));
    resources.map(|(name, resource)| (name.to_owned(), resource.clone())).collect()
}

fn resource(template: &Template, name: &str) -> Value {
    template.at(&format!("/Resources/{name}")).unwrap().clone()
}

#[test]
fn queues_and_tables_outlive_their_stack_and_none_is_left_by_a_creation_that_failed() {
    let template = template(&[]);
    let queues = ["ContactQueue", "UrgentQueue", "DeadLetterQueue"];
    for kept in queues.into_iter().chain(["LedgerTable", "ClientsTable", "RegistryTable"]) {
        let resource = resource(&template, kept);
        assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{kept}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{kept}");
        // A table with it could not be deleted by that creation's own rollback: it is put on afterwards.
        assert!(resource["Properties"].get("DeletionProtectionEnabled").is_none(), "{kept}");
    }
    for table in ["LedgerTable", "ClientsTable", "RegistryTable"] {
        let recovery = json!({"PointInTimeRecoveryEnabled": true});
        assert_eq!(template.property(table, "PointInTimeRecoverySpecification").unwrap(), &recovery, "{table}");
    }
}

#[test]
fn with_a_key_queues_tables_logs_and_secrets_are_under_it_and_without_under_aws_s_own() {
    let key = json!({"Ref": "KmsKeyArn"});
    let under = |kind: &str, property: &str, given: &[(&str, &str)]| -> Vec<Value> {
        let resources = resources_of(kind, given).into_iter();
        resources.map(|(_, resource)| resource["Properties"].pointer(property).cloned().unwrap_or_default()).collect()
    };
    for (kind, property, number) in [
        ("AWS::SQS::Queue", "/KmsMasterKeyId", 5),
        ("AWS::DynamoDB::Table", "/SSESpecification/KMSMasterKeyId", 3),
        ("AWS::Logs::LogGroup", "/KmsKeyId", 3),
        ("AWS::SecretsManager::Secret", "/KmsKeyId", 2),
    ] {
        assert_eq!(under(kind, property, &[KEY]), vec![key.clone(); number], "{kind}");
        assert_eq!(under(kind, property, &[]), vec![Value::Null; number], "{kind}");
    }
    assert_eq!(under("AWS::SQS::Queue", "/SqsManagedSseEnabled", &[KEY]), vec![Value::Null; 5], "one of the two");
    assert_eq!(under("AWS::DynamoDB::Table", "/SSESpecification/SSEType", &[KEY]), vec![json!("KMS"); 3]);
    assert_eq!(under("AWS::DynamoDB::Table", "/SSESpecification/SSEEnabled", &[]), vec![json!(true); 3]);
}

#[test]
fn who_works_with_what_is_under_the_key_may_use_it_there_and_nowhere_else() {
    let with = template(&[KEY]);
    for role in ["InjectRole", "SyncRole", "ScheduleRole"] {
        assert_eq!(with.property(role, "ManagedPolicyArns").unwrap(), &json!([{"Ref": "KeyPolicy"}]), "{role}");
    }
    let policy = with.property("KeyPolicy", "PolicyDocument").unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let actions: BTreeSet<_> = statements.iter().map(|statement| statement["Action"].as_str().unwrap()).collect();
    let all = ["Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo"];
    assert_eq!(actions, all.map(|action| format!("kms:{action}")).iter().map(String::as_str).collect());
    for statement in statements {
        assert_eq!(statement["Resource"], json!({"Ref": "KmsKeyArn"}));
        assert!(
            statement["Condition"]["StringEquals"]["kms:ViaService"].is_array() || statement["Condition"].is_object()
        );
        assert!(!statement["Condition"]["StringEquals"]["kms:ViaService"].is_null(), "{statement}");
    }
    let of_the_pipe = |given: &[(&str, &str)]| -> Vec<String> {
        let policies = outcomes(given).property("OutcomeRole", "Policies").unwrap().clone();
        let statements = policies[0]["PolicyDocument"]["Statement"].as_array().unwrap().clone();
        let actions = statements.iter().map(|statement| statement["Action"].as_str().unwrap().to_owned());
        actions.filter(|action| action.starts_with("kms:")).collect()
    };
    assert_eq!(of_the_pipe(&[KEY]), ["kms:Decrypt", "kms:GenerateDataKey"]);
    assert_eq!(of_the_pipe(&[]), [""; 0]);
    assert!(template(&[]).at("/Resources/KeyPolicy").is_err());
    let passed_on = &resource(&template(&[KEY, BUS]), "Outcomes")["Properties"]["Parameters"];
    assert_eq!(passed_on["KmsKeyArn"], json!({"Ref": "KmsKeyArn"}));
}

#[test]
fn a_boundary_bounds_every_role_that_the_stack_makes() {
    let bounded = json!({"Ref": "PermissionsBoundaryArn"});
    for (role, resource) in resources_of("AWS::IAM::Role", &[BOUNDARY]) {
        assert_eq!(resource["Properties"]["PermissionsBoundary"], bounded, "{role}");
    }
    for (role, resource) in resources_of("AWS::IAM::Role", &[]) {
        assert!(resource["Properties"].get("PermissionsBoundary").is_none(), "{role}");
    }
    let passed_on = &resource(&template(&[BOUNDARY, BUS]), "Outcomes")["Properties"]["Parameters"];
    assert_eq!(passed_on["PermissionsBoundaryArn"], bounded);
    // SAM would make roles of its own for these, and bound neither.
    let template = template(&[]);
    let preference = template.property("InjectFunction", "DeploymentPreference").unwrap();
    assert_eq!(preference["Role"], json!({"Fn::GetAtt": "ShiftRole.Arn"}));
    for (name, event) in template.property("SyncFunction", "Events").unwrap().as_object().unwrap() {
        assert_eq!(event["Properties"]["RoleArn"], json!({"Fn::GetAtt": "ScheduleRole.Arn"}), "{name}");
    }
}

#[test]
fn subnets_are_for_both_functions_with_what_lambda_needs_there_and_the_code_may_not_use() {
    let (with, without) = (template(&NETWORK), template(&[]));
    let network = json!({"SubnetIds": {"Ref": "SubnetIds"}, "SecurityGroupIds": {"Ref": "SecurityGroupIds"}});
    for (function, role) in [("InjectFunction", "InjectRole"), ("SyncFunction", "SyncRole")] {
        assert_eq!(with.property(function, "VpcConfig").unwrap(), &network, "{function}");
        assert!(without.property(function, "VpcConfig").is_err(), "{function}");
        assert_eq!(with.property(role, "ManagedPolicyArns").unwrap(), &json!([{"Ref": "NetworkPolicy"}]), "{role}");
        assert_eq!(without.property(role, "ManagedPolicyArns").unwrap(), &json!([]), "{role}");
    }
    // It asks AWS alone, which need not be reached from there.
    assert!(with.property("TrialFunction", "VpcConfig").is_err());
    let policy = with.property("NetworkPolicy", "PolicyDocument").unwrap();
    let denied =
        policy["Statement"].as_array().unwrap().iter().find(|statement| statement["Effect"] == "Deny").unwrap();
    assert_eq!(denied["Action"], "ec2:*");
    assert!(denied["Condition"]["ArnLike"].get("lambda:SourceFunctionArn").is_some());
    assert!(without.at("/Resources/NetworkPolicy").is_err());
}

#[test]
fn subnets_without_security_groups_and_a_restored_ledger_that_tells_no_outcomes_are_refused() {
    let refused = |given: &[(&str, &str)]| Template::read().unwrap().deployed_with(given).unwrap_err().to_string();
    for one in NETWORK {
        assert!(refused(&[one]).contains("SubnetIds and SecurityGroupIds"), "{one:?}");
    }
    assert!(refused(&[RESTORED, BUS]).contains("RestoredLedgerStreamArn"));
    template(&[RESTORED]);
    template(&[BUS]);
}

#[test]
fn what_is_no_name_of_its_kind_is_refused() {
    let template = Template::read().unwrap();
    for (parameter, good, bad) in [
        ("KmsKeyArn", KEY.1, "alias/orders"),
        (
            "KmsKeyArn",
            "arn:aws-cn:kms:cn-north-1:000000000000:key/mrk-1",
            "arn:aws:kms:eu-west-1:000000000000:alias/orders",
        ),
        ("PermissionsBoundaryArn", BOUNDARY.1, "bounds"),
        ("PermissionsBoundaryArn", "arn:aws:iam::aws:policy/PowerUserAccess", "arn:aws:iam::000000000000:role/bounds"),
        ("RestoredLedgerTable", RESTORED.1, "arn:aws:dynamodb:eu-west-1:000000000000:table/ledger-restored"),
        ("RestoredLedgerStreamArn", "arn:aws:dynamodb:eu-west-1:000000000000:table/l/stream/2026", "latest"),
    ] {
        let pattern = template.at(&format!("/Parameters/{parameter}/AllowedPattern")).unwrap().as_str().unwrap();
        let pattern = regex_lite::Regex::new(pattern).unwrap();
        assert!(pattern.is_match(good) && pattern.is_match("") && !pattern.is_match(bad), "{parameter}");
    }
}

#[test]
fn a_restored_ledger_takes_the_place_of_the_stack_s_own_everywhere() {
    let stream = ("RestoredLedgerStreamArn", "arn:aws:dynamodb:eu-west-1:000000000000:table/ledger-restored/stream/s");
    let (with, without) = (template(&[RESTORED, stream, BUS]), template(&[BUS]));
    let uses = |template: &Template| -> usize {
        let text = template.at("/Resources").unwrap().to_string() + &template.at("/Outputs").unwrap().to_string();
        [r#""LedgerTable""#, r#""LedgerTable.Arn""#, r#""LedgerTable.StreamArn""#]
            .iter()
            .map(|name| {
                text.matches(&format!(r#"{{"Ref":{name}}}"#)).count()
                    + text.matches(&format!(r#"{{"Fn::GetAtt":{name}}}"#)).count()
            })
            .sum()
    };
    // Four grants, the variable, the output and the stream.
    assert_eq!((uses(&with), uses(&without)), (0, 7));
    let name = json!({"Ref": "RestoredLedgerTable"});
    let variables = &with.property("InjectFunction", "Environment").unwrap()["Variables"];
    assert_eq!(variables["LEDGER_TABLE"], name);
    assert_eq!(with.at("/Outputs/LedgerTableName/Value").unwrap(), &name);
    let of_bus = &resource(&with, "Outcomes")["Properties"]["Parameters"];
    assert_eq!(of_bus["LedgerStreamArn"], json!({"Ref": "RestoredLedgerStreamArn"}));
    assert!(with.at("/Resources/LedgerTable").is_ok(), "the stack's own stays, to go back to");
}

#[test]
fn the_dashboard_s_address_is_that_of_its_partition_s_console() {
    let address = |partition: &str| {
        let template = Template::read().unwrap().deployed_with(&[("AWS::Partition", partition)]).unwrap();
        template.at("/Outputs/DashboardUrl/Value").unwrap()["Fn::Sub"].as_str().unwrap().to_owned()
    };
    for (partition, console) in [
        ("aws", "console.aws.amazon.com"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
        ("aws-cn", "console.amazonaws.cn"),
    ] {
        assert!(
            address(partition).starts_with(&format!("https://${{AWS::Region}}.{console}/cloudwatch/")),
            "{partition}"
        );
    }
}

#[test]
fn no_arn_and_no_endpoint_is_of_one_partition_alone() {
    for file in ["template.yaml", "outcomes.yaml"] {
        let text = std::fs::read_to_string(workspace_root().join(file)).unwrap();
        for line in text.lines() {
            assert!(!line.contains("arn:aws:"), "{file}: {line}");
            let named = line.contains("amazonaws.com") || line.contains(".aws.amazon.com");
            // A service's name as a principal is the same everywhere; the console has a name in each partition.
            assert!(!named || line.contains("Service: ") || line.contains("IsGovCloud"), "{file}: {line}");
        }
    }
}

#[test]
fn the_faults_of_the_game_days_are_ones_that_the_simulator_takes() {
    let page = std::fs::read_to_string(workspace_root().join("docs/production.md")).unwrap();
    let faults: Vec<_> = page.match_indices(r#"{"endpoint":"#).collect();
    assert_eq!(faults.len(), 3);
    for (at, _) in faults {
        let mut values = serde_json::Deserializer::from_str(&page[at..]).into_iter::<cxone_simulator::Fault>();
        values.next().unwrap().unwrap();
    }
}

#[test]
fn nothing_is_traced() {
    for template in [template(&[]), outcomes(&[])] {
        let text = template.document().to_string();
        assert!(!text.contains("xray:") && !text.contains("\"Tracing\""));
    }
}
