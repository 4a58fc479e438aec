//! What the schema of a type names, and not every resource of it needs.

use super::files::Part;

/// When something that a schema names is needed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// With a property that no resource of the templates has.
    No(&'static str),
    /// With a property that one part of a deployment brings.
    With(Part),
    /// It would be, and isn't granted, for this reason.
    Never(&'static str),
}

use When::{Never, No, With};

/// Of which type, when, and what. Whatever isn't here is needed by every resource of its type.
pub(crate) const RULES: &[(&str, When, &[&str])] = &[
    (
        "AWS::DynamoDB::Table",
        No("KinesisStreamSpecification"),
        &[
            "dynamodb:DisableKinesisStreamingDestination",
            "dynamodb:EnableKinesisStreamingDestination",
            "dynamodb:UpdateKinesisStreamingDestination",
            "iam:CreateServiceLinkedRole",
            "kinesis:DescribeStream",
            "kinesis:PutRecords",
        ],
    ),
    (
        "AWS::DynamoDB::Table",
        No("ImportSourceSpecification"),
        &[
            "dynamodb:DescribeImport",
            "dynamodb:ImportTable",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogGroups",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
            "logs:PutRetentionPolicy",
            "s3:GetObject",
            "s3:GetObjectMetadata",
            "s3:ListBucket",
        ],
    ),
    ("AWS::DynamoDB::Table", No("ContributorInsightsSpecification"), &["dynamodb:UpdateContributorInsights"]),
    ("AWS::DynamoDB::Table", No("ResourcePolicy"), &["dynamodb:DeleteResourcePolicy", "dynamodb:PutResourcePolicy"]),
    // Copying into a replica, which the older type of a global table has.
    (
        "AWS::DynamoDB::Table",
        No("Replicas"),
        &[
            "dynamodb:AssociateTableReplica",
            "dynamodb:BatchWriteItem",
            "dynamodb:CreateTableReplica",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:Scan",
            "dynamodb:UpdateItem",
        ],
    ),
    (
        "AWS::DynamoDB::Table",
        With(Part::Key),
        &["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:ListAliases", "kms:RevokeGrant"],
    ),
    ("AWS::Lambda::EventSourceMapping", No("KmsKeyArn"), &["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]),
    (
        "AWS::Lambda::Function",
        With(Part::Network),
        &["ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"],
    ),
    (
        "AWS::Lambda::Function",
        No("KmsKeyArn"),
        &["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
    ),
    (
        "AWS::Lambda::Function",
        No("FileSystemConfigs"),
        &["elasticfilesystem:DescribeMountTargets", "s3files:ListMountTargets"],
    ),
    (
        "AWS::Lambda::Function",
        No("CodeSigningConfigArn"),
        &[
            "lambda:DeleteFunctionCodeSigningConfig",
            "lambda:GetCodeSigningConfig",
            "lambda:PutFunctionCodeSigningConfig",
        ],
    ),
    ("AWS::Lambda::Function", No("Layers"), &["lambda:GetLayerVersion"]),
    ("AWS::Lambda::Function", No("CapacityProviderConfig"), &["lambda:PassCapacityProvider"]),
    ("AWS::Lambda::Function", No("FunctionScalingConfig"), &["lambda:PutFunctionScalingConfig"]),
    (
        "AWS::Lambda::Function",
        No("ReservedConcurrentExecutions"),
        &["lambda:DeleteFunctionConcurrency", "lambda:PutFunctionConcurrency"],
    ),
    ("AWS::Lambda::Function", No("RecursiveLoop"), &["lambda:PutFunctionRecursionConfig"]),
    (
        "AWS::Lambda::Function",
        No("RuntimeManagementConfig"),
        &["lambda:AssociateRuntimeAlias", "lambda:PutRuntimeManagementConfig"],
    ),
    ("AWS::Lambda::Function", No("S3ObjectVersion"), &["s3:GetObjectVersion"]),
    ("AWS::Lambda::Version", No("FunctionScalingConfig"), &["lambda:PutFunctionScalingConfig"]),
    ("AWS::Lambda::Version", No("ProvisionedConcurrencyConfig"), &["lambda:PutProvisionedConcurrencyConfig"]),
    ("AWS::Lambda::Version", No("RuntimePolicy"), &["lambda:PutRuntimeManagementConfig"]),
    (
        "AWS::Lambda::Alias",
        No("ProvisionedConcurrencyConfig"),
        &["lambda:DeleteProvisionedConcurrencyConfig", "lambda:PutProvisionedConcurrencyConfig"],
    ),
    ("AWS::CodeDeploy::DeploymentGroup", No("OnPremisesTagSet"), &["codedeploy:RegisterOnPremisesInstance"]),
    (
        "AWS::Logs::LogGroup",
        No("DataProtectionPolicy"),
        &[
            "firehose:TagDeliveryStream",
            "logs:CreateLogDelivery",
            "logs:DeleteDataProtectionPolicy",
            "logs:PutDataProtectionPolicy",
            "s3:REST.PUT.OBJECT",
        ],
    ),
    ("AWS::Logs::LogGroup", No("BearerTokenAuthenticationEnabled"), &["logs:PutBearerTokenAuthentication"]),
    ("AWS::Logs::LogGroup", No("DeletionProtectionEnabled"), &["logs:PutLogGroupDeletionProtection"]),
    ("AWS::Logs::LogGroup", No("FieldIndexPolicies"), &["logs:DeleteIndexPolicy", "logs:PutIndexPolicy"]),
    ("AWS::Logs::LogGroup", No("ResourcePolicyDocument"), &["logs:DeleteResourcePolicy", "logs:PutResourcePolicy"]),
    ("AWS::Logs::LogGroup", With(Part::Key), &["logs:AssociateKmsKey", "logs:DisassociateKmsKey"]),
    (
        "AWS::SecretsManager::Secret",
        Never("secrets are made empty, and whoever deploys has no need of the clients in them"),
        &["secretsmanager:GetSecretValue"],
    ),
    ("AWS::SecretsManager::Secret", No("GenerateSecretString"), &["secretsmanager:GetRandomPassword"]),
    (
        "AWS::SecretsManager::Secret",
        No("ReplicaRegions"),
        &["secretsmanager:RemoveRegionsFromReplication", "secretsmanager:ReplicateSecretToRegions"],
    ),
    ("AWS::IAM::Role", With(Part::Boundary), &["iam:PutRolePermissionsBoundary"]),
    ("AWS::IAM::Role", Never("a boundary is there to stay"), &["iam:DeleteRolePermissionsBoundary"]),
    ("AWS::IAM::ManagedPolicy", No("Groups"), &["iam:AttachGroupPolicy", "iam:DetachGroupPolicy"]),
    ("AWS::IAM::ManagedPolicy", No("Users"), &["iam:AttachUserPolicy", "iam:DetachUserPolicy"]),
    ("AWS::IAM::ManagedPolicy", No("Roles"), &["iam:AttachRolePolicy", "iam:DetachRolePolicy"]),
    // Of the stack itself alone.
    (
        "AWS::CloudFormation::Stack",
        No("RoleARN"),
        &["cloudformation:SetStackPolicy", "cloudformation:UpdateTerminationProtection", "iam:PassRole"],
    ),
    (
        "AWS::Pipes::Pipe",
        No("LogConfiguration"),
        &[
            "firehose:TagDeliveryStream",
            "iam:CreateServiceLinkedRole",
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:UpdateLogDelivery",
            "s3:GetBucketPolicy",
            "s3:PutBucketPolicy",
        ],
    ),
    ("AWS::Pipes::Pipe", No("KmsKeyIdentifier"), &["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]),
    (
        "AWS::S3::Bucket",
        No("ReplicationConfiguration"),
        &["iam:PassRole", "s3:PutBucketReplication", "s3:PutReplicationConfiguration"],
    ),
    (
        "AWS::S3::Bucket",
        No("MetadataTableConfiguration"),
        &[
            "s3:CreateBucketMetadataTableConfiguration",
            "s3tables:CreateNamespace",
            "s3tables:CreateTable",
            "s3tables:CreateTableBucket",
            "s3tables:GetTable",
            "s3tables:GetTableMetadataLocation",
            "s3tables:PutTableBucketPolicy",
            "s3tables:PutTableEncryption",
            "s3tables:PutTablePolicy",
            "s3tables:UpdateTableMetadataLocation",
        ],
    ),
    ("AWS::S3::Bucket", No("AccessControl"), &["s3:PutObjectAcl"]),
    ("AWS::S3::Bucket", No("AccelerateConfiguration"), &["s3:PutAccelerateConfiguration"]),
    ("AWS::S3::Bucket", No("AnalyticsConfigurations"), &["s3:PutAnalyticsConfiguration"]),
    ("AWS::S3::Bucket", No("AbacStatus"), &["s3:PutBucketAbac"]),
    ("AWS::S3::Bucket", No("CorsConfiguration"), &["s3:PutBucketCORS"]),
    ("AWS::S3::Bucket", No("IntelligentTieringConfigurations"), &["s3:PutIntelligentTieringConfiguration"]),
    ("AWS::S3::Bucket", No("InventoryConfigurations"), &["s3:PutInventoryConfiguration"]),
    ("AWS::S3::Bucket", No("LifecycleConfiguration"), &["s3:PutLifecycleConfiguration"]),
    ("AWS::S3::Bucket", No("LoggingConfiguration"), &["s3:PutBucketLogging"]),
    ("AWS::S3::Bucket", No("MetricsConfigurations"), &["s3:PutMetricsConfiguration"]),
    ("AWS::S3::Bucket", No("NotificationConfiguration"), &["s3:PutBucketNotification"]),
    (
        "AWS::S3::Bucket",
        No("ObjectLockConfiguration"),
        &["s3:PutBucketObjectLockConfiguration", "s3:PutObjectLockConfiguration"],
    ),
    ("AWS::S3::Bucket", No("OwnershipControls"), &["s3:PutBucketOwnershipControls"]),
    ("AWS::S3::Bucket", No("WebsiteConfiguration"), &["s3:PutBucketWebsite"]),
    ("AWS::S3::Bucket", Never("a bucket that is made has no objects"), &["s3:DeleteObject"]),
];
