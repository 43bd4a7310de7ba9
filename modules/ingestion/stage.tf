# A stage serves what was deployed last, so all that is deployed must be in the triggers. It is written in this module's files or
# follows from these inputs, but for identifiers of what is made anew; those are in `replace_triggered_by`. An edit that changes
# nothing deploys once more than needed, which costs nothing. A route that is removed is destroyed after the deployment is made, so
# it stays deployed until the next one (docs/runbook.md, "Removing a source").
resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  description = "The routes of ${var.name}"

  triggers = {
    definition = sha256(jsonencode([
      { for file in sort(fileset(path.module, "**/*.{tf,vtl}")) : file => filesha256("${path.module}/${file}") },
      var.name,
      var.sources,
      var.authorizer_snap_start,
      [for table in values(local.receipts) : [table.table_name, table.index_name]],
    ]))
  }

  depends_on = [
    aws_api_gateway_gateway_response.this,
    aws_api_gateway_integration_response.accepted,
    aws_api_gateway_integration_response.answered,
    aws_api_gateway_integration_response.failed,
    aws_api_gateway_integration_response.receipt_failed,
    aws_api_gateway_integration_response.receipt_found,
    aws_api_gateway_integration_response.refused,
    aws_api_gateway_integration_response.too_large,
    aws_api_gateway_rest_api_policy.this,
    aws_iam_role_policy.invoke,
    aws_iam_role_policy.receipts,
    aws_lambda_permission.authorizer_alias,
  ]

  lifecycle {
    create_before_destroy = true

    replace_triggered_by = [
      aws_api_gateway_authorizer.this,
      aws_api_gateway_gateway_response.this,
      aws_api_gateway_integration.post,
      aws_api_gateway_integration_response.accepted,
      aws_api_gateway_integration_response.failed,
      aws_api_gateway_integration_response.too_large,
      aws_api_gateway_method.post,
      aws_api_gateway_method_response.accepted,
      aws_api_gateway_method_response.failed,
      aws_api_gateway_method_response.too_large,
      aws_api_gateway_resource.source,
      aws_api_gateway_resource.webhooks,
      aws_api_gateway_rest_api_policy.this,
      terraform_data.some_routes,
    ]
  }
}

# What not every source has: `replace_triggered_by` takes no resource that may be without an instance.
resource "terraform_data" "some_routes" {
  input = [
    for made in [
      aws_api_gateway_integration.challenge,
      aws_api_gateway_integration.receipt,
      aws_api_gateway_integration_response.answered,
      aws_api_gateway_integration_response.receipt_failed,
      aws_api_gateway_integration_response.receipt_found,
      aws_api_gateway_integration_response.refused,
      aws_api_gateway_method.challenge,
      aws_api_gateway_method.receipt,
      aws_api_gateway_method_response.answered,
      aws_api_gateway_method_response.receipt_failed,
      aws_api_gateway_method_response.receipt_found,
      aws_api_gateway_method_response.refused,
      aws_api_gateway_resource.receipt,
      aws_api_gateway_resource.receipts,
    ] : values(made)[*].id
  ]
}

locals {
  stage = "v1"
}

resource "aws_cloudwatch_log_group" "access" {
  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_api_gateway_stage" "this" {
  rest_api_id          = aws_api_gateway_rest_api.this.id
  deployment_id        = aws_api_gateway_deployment.this.id
  stage_name           = local.stage
  description          = "The webhooks of ${var.name}"
  xray_tracing_enabled = true

  # What happened to a request, never what was in it. Each value is quoted: a variable without a value is written as a bare dash.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn

    format = jsonencode({
      request_id             = "$context.extendedRequestId"
      received_at_ms         = "$context.requestTimeEpoch"
      trace_id               = "$context.xrayTraceId"
      source_ip              = "$context.identity.sourceIp"
      method                 = "$context.httpMethod"
      route                  = "$context.resourcePath"
      status                 = "$context.status"
      latency_ms             = "$context.responseLatency"
      response_bytes         = "$context.responseLength"
      error                  = "$context.error.responseType"
      reason                 = "$context.authorizer.reason"
      authorizer_status      = "$context.authorizer.status"
      authorizer_latency_ms  = "$context.authorizer.latency"
      integration_status     = "$context.integration.status"
      integration_latency_ms = "$context.integration.latency"
    })
  }

  depends_on = [aws_api_gateway_account.this]
}

resource "aws_api_gateway_method_settings" "post" {
  for_each = var.sources

  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "~1webhooks~1${each.key}/${aws_api_gateway_method.post[each.key].http_method}" # a slash within a path is ~1: API Reference, Stage

  settings {
    metrics_enabled        = true
    logging_level          = "OFF"
    data_trace_enabled     = false # it writes bodies and signatures into the log
    throttling_rate_limit  = each.value.rate_per_second
    throttling_burst_limit = each.value.burst
  }
}

resource "aws_api_gateway_method_settings" "challenge" {
  for_each = local.challenges

  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "~1webhooks~1${each.key}/${aws_api_gateway_method.challenge[each.key].http_method}"

  settings {
    metrics_enabled        = true
    logging_level          = "OFF"
    data_trace_enabled     = false
    throttling_rate_limit  = var.sources[each.key].rate_per_second
    throttling_burst_limit = var.sources[each.key].burst
  }
}
