# What has become of a webhook, for who has the id that its sender was answered with: API Gateway asks the table itself. Callers sign
# with Signature Version 4, and an identity policy of this account must let them in, as the resource policy says nothing of this route.
locals {
  receipts = var.receipts == null ? {} : { receipts = var.receipts }

  receipt_rate_per_second = 50
  receipt_burst           = 100
}

resource "aws_api_gateway_resource" "receipts" {
  for_each = local.receipts

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_rest_api.this.root_resource_id
  path_part   = "receipts"
}

resource "aws_api_gateway_resource" "receipt" {
  for_each = local.receipts

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.receipts[each.key].id
  path_part   = "{id}"
}

resource "aws_api_gateway_method" "receipt" {
  for_each = local.receipts

  rest_api_id        = aws_api_gateway_rest_api.this.id
  resource_id        = aws_api_gateway_resource.receipt[each.key].id
  http_method        = "GET"
  authorization      = "AWS_IAM"
  request_parameters = { "method.request.path.id" = true }
}

resource "aws_api_gateway_integration" "receipt" {
  for_each = local.receipts

  rest_api_id             = aws_api_gateway_rest_api.this.id
  resource_id             = aws_api_gateway_resource.receipt[each.key].id
  http_method             = aws_api_gateway_method.receipt[each.key].http_method
  type                    = "AWS"
  integration_http_method = "POST"
  uri                     = "arn:${data.aws_partition.current.partition}:apigateway:${local.region}:dynamodb:action/Query"
  credentials             = aws_iam_role.receipts[each.key].arn
  content_handling        = "CONVERT_TO_TEXT"
  passthrough_behavior    = "NEVER" # a caller's body would be a query of its own, under our role

  # It runs for a request without a Content-Type too.
  request_templates = {
    "application/json" = replace(replace(file("${path.module}/templates/receipt_query.vtl"), "TABLE_NAME", each.value.table_name), "INDEX_NAME", each.value.index_name)
  }
}

resource "aws_api_gateway_method_response" "receipt_found" {
  for_each = local.receipts

  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_resource.receipt[each.key].id
  http_method = aws_api_gateway_method.receipt[each.key].http_method
  status_code = "200"
}

resource "aws_api_gateway_integration_response" "receipt_found" {
  for_each = local.receipts

  rest_api_id        = aws_api_gateway_rest_api.this.id
  resource_id        = aws_api_gateway_resource.receipt[each.key].id
  http_method        = aws_api_gateway_integration.receipt[each.key].http_method
  status_code        = aws_api_gateway_method_response.receipt_found[each.key].status_code
  selection_pattern  = "2\\d\\d"
  content_handling   = "CONVERT_TO_TEXT"
  response_templates = { "application/json" = file("${path.module}/templates/receipt.vtl") }
}

resource "aws_api_gateway_method_response" "receipt_failed" {
  for_each = local.receipts

  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_resource.receipt[each.key].id
  http_method = aws_api_gateway_method.receipt[each.key].http_method
  status_code = "503"
}

resource "aws_api_gateway_integration_response" "receipt_failed" {
  for_each = local.receipts

  rest_api_id        = aws_api_gateway_rest_api.this.id
  resource_id        = aws_api_gateway_resource.receipt[each.key].id
  http_method        = aws_api_gateway_integration.receipt[each.key].http_method
  status_code        = aws_api_gateway_method_response.receipt_failed[each.key].status_code
  content_handling   = "CONVERT_TO_TEXT"
  response_templates = { "application/json" = file("${path.module}/templates/receipt_failed.vtl") }
}

resource "aws_api_gateway_method_settings" "receipt" {
  for_each = local.receipts

  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "~1receipts~1{id}/${aws_api_gateway_method.receipt[each.key].http_method}"

  settings {
    metrics_enabled        = true
    logging_level          = "OFF"
    data_trace_enabled     = false
    throttling_rate_limit  = local.receipt_rate_per_second
    throttling_burst_limit = local.receipt_burst
  }
}

# Of its own: what puts webhooks into queues reads no table.
resource "aws_iam_role" "receipts" {
  for_each = local.receipts

  name        = "${var.name}-receipts"
  description = "Role with which API Gateway looks up what became of a webhook of ${var.name}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "apigateway.amazonaws.com" }
    }]
  })
}

# The index alone, which holds no bodies.
resource "aws_iam_role_policy" "receipts" {
  for_each = local.receipts

  name = "query"
  role = aws_iam_role.receipts[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["dynamodb:Query"]
      Resource = [each.value.index_arn]
    }]
  })
}
