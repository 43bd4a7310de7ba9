locals {
  request_template = file("${path.module}/templates/send_message.vtl")

  accepted_template  = file("${path.module}/templates/accepted.vtl")
  too_large_template = file("${path.module}/templates/too_large.vtl")
  failed_template    = file("${path.module}/templates/failed.vtl")
}

resource "aws_iam_role" "gateway" {
  name        = "${var.name}-gateway"
  description = "Role with which API Gateway puts webhooks into the queues of ${var.name}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "apigateway.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "gateway" {
  name = "send"
  role = aws_iam_role.gateway.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = [for queue in aws_sqs_queue.this : queue.arn]
    }]
  })
}

resource "aws_api_gateway_integration" "sqs" {
  for_each = var.sources

  rest_api_id             = aws_api_gateway_rest_api.this.id
  resource_id             = aws_api_gateway_resource.source[each.key].id
  http_method             = aws_api_gateway_method.post[each.key].http_method
  type                    = "AWS"
  integration_http_method = "POST"
  uri                     = "arn:${data.aws_partition.current.partition}:apigateway:${local.region}:sqs:path/${local.account}/${aws_sqs_queue.this[each.key].name}"
  credentials             = aws_iam_role.gateway.arn
  content_handling        = "CONVERT_TO_TEXT"

  # Anything else would hand the sender's body to SQS as a call of its own, under our role.
  passthrough_behavior = "NEVER"

  request_parameters = {
    "integration.request.header.Content-Type" = "'application/x-www-form-urlencoded'"
  }

  request_templates = { for type in each.value.content_types : type => local.request_template }
}

# SQS's answers, by status code. Only 2xx, which SQS gives when it has stored the message, becomes a 2xx; whatever else comes,
# also a status that nobody has thought of, meets the one without a pattern. CONVERT_TO_TEXT on each, or a sender whose Accept is a
# binary type gets its answer base64-decoded. The source's own success status is the template's work: as `status_code`, which can't
# be changed in place, another one would be created before the old is destroyed, and API Gateway refuses two with one pattern.

resource "aws_api_gateway_method_response" "accepted" {
  for_each = var.sources

  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_resource.source[each.key].id
  http_method = aws_api_gateway_method.post[each.key].http_method
  status_code = "200"
}

resource "aws_api_gateway_integration_response" "accepted" {
  for_each = var.sources

  rest_api_id       = aws_api_gateway_rest_api.this.id
  resource_id       = aws_api_gateway_resource.source[each.key].id
  http_method       = aws_api_gateway_integration.sqs[each.key].http_method
  status_code       = aws_api_gateway_method_response.accepted[each.key].status_code
  selection_pattern = "2\\d\\d"
  content_handling  = "CONVERT_TO_TEXT"

  response_templates = {
    "application/json" = "#set($context.responseOverride.status = ${each.value.success_status})\n${local.accepted_template}"
  }
}

resource "aws_api_gateway_method_response" "too_large" {
  for_each = var.sources

  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_resource.source[each.key].id
  http_method = aws_api_gateway_method.post[each.key].http_method
  status_code = "413"
}

resource "aws_api_gateway_integration_response" "too_large" {
  for_each = var.sources

  rest_api_id        = aws_api_gateway_rest_api.this.id
  resource_id        = aws_api_gateway_resource.source[each.key].id
  http_method        = aws_api_gateway_integration.sqs[each.key].http_method
  status_code        = aws_api_gateway_method_response.too_large[each.key].status_code
  selection_pattern  = "413"
  content_handling   = "CONVERT_TO_TEXT"
  response_templates = { "application/json" = local.too_large_template }
}

resource "aws_api_gateway_method_response" "failed" {
  for_each = var.sources

  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_resource.source[each.key].id
  http_method = aws_api_gateway_method.post[each.key].http_method
  status_code = "503"
}

resource "aws_api_gateway_integration_response" "failed" {
  for_each = var.sources

  rest_api_id        = aws_api_gateway_rest_api.this.id
  resource_id        = aws_api_gateway_resource.source[each.key].id
  http_method        = aws_api_gateway_integration.sqs[each.key].http_method
  status_code        = aws_api_gateway_method_response.failed[each.key].status_code
  content_handling   = "CONVERT_TO_TEXT"
  response_templates = { "application/json" = local.failed_template }
}
