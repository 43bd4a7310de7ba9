locals {
  package_variant = join("-", concat([var.package], var.handler_package[*], var.needs_cryptography ? ["cryptography"] : []))
  package_file    = "${path.module}/../../build/${local.package_variant}.zip"

  aliases = toset(var.snap_start ? ["live"] : [])
}

# Made before the function: a group that Lambda makes by itself keeps its lines for ever.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "this" {
  name        = var.name
  description = "Role of the function ${var.name}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

# Before the function: Lambda refuses to make one that traces while its role may not write traces.
resource "aws_iam_role_policy" "traces" {
  name = "traces"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # X-Ray has no resources to name (Service Authorization Reference, AWS X-Ray).
      Effect   = "Allow"
      Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      Resource = ["*"]
    }]
  })
}

# Before the function: Lambda refuses to make one in a VPC while its role may not make network interfaces there.
resource "aws_iam_role_policy" "network" {
  for_each = toset(var.vpc == null ? [] : ["vpc"])

  name = "network"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # The interfaces are not there yet, and two of the actions have no resources to name.
        Effect = "Allow"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = ["*"]
      },
      {
        # Lambda needs them, its code does not (AWS Lambda Developer Guide, "Giving Lambda functions access to resources in an
        # Amazon VPC", on the security of these permissions).
        Effect = "Deny"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:DetachNetworkInterface",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource  = ["*"]
        Condition = { ArnLike = { "lambda:SourceFunctionArn" = ["arn:*:lambda:*:*:function:${var.name}", "arn:*:lambda:*:*:function:${var.name}:*"] } }
      },
    ]
  })
}

# Beside the function: it may name a queue, and queues take long to make.
resource "aws_iam_role_policy" "this" {
  name = "function"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      }],
      [
        for statement in var.statements : merge(
          {
            Effect   = "Allow"
            Action   = statement.actions
            Resource = statement.resources
          },
          # Amazon DynamoDB Developer Guide, "Using IAM policy conditions for fine-grained access control".
          { for keys in [statement.leading_keys] : "Condition" => { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = keys } } if length(keys) > 0 },
        )
      ],
    )
  })
}

resource "aws_lambda_function" "this" {
  function_name    = var.name
  description      = var.description
  role             = aws_iam_role.this.arn
  filename         = local.package_file
  source_code_hash = filebase64sha256(local.package_file)
  handler          = "${var.package}.handler.handle"
  runtime          = "python3.13"
  architectures    = ["arm64"] # both are also in scripts/build.sh, which compiles for them
  timeout          = var.timeout_seconds
  memory_size      = var.memory_mb
  publish          = var.snap_start

  dynamic "snap_start" {
    for_each = local.aliases

    content {
      apply_on = "PublishedVersions"
    }
  }

  environment {
    variables = var.environment
  }

  dynamic "vpc_config" {
    for_each = var.vpc[*]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  logging_config {
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
    log_group             = aws_cloudwatch_log_group.this.name
  }

  tracing_config {
    mode = "Active"
  }

  depends_on = [aws_iam_role_policy.network, aws_iam_role_policy.traces]
}

# A snapshot is of a published version, never of the code as it is now. So whoever calls the function calls the version that was
# published last, under a name that stays.
resource "aws_lambda_alias" "this" {
  for_each = local.aliases

  name             = each.key
  description      = "The version of ${var.name} that was published last"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}
