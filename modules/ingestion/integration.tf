locals {
  # A source's POST writes into its queue, or where it has a handshake, invokes its function. Either way it is one integration of one
  # type under one role, so that switching changes it in place: type or credentials can't be, and of two integrations of one method
  # that are made and destroyed in any order none may be left.
  backends = {
    for key, source in var.sources : key => source.handshake ? {
      uri                = module.handshake[key].invoke_arn
      request_parameters = tomap({})
      request_template   = source.fifo ? "${trimsuffix(local.handshake_request_template, "}")}${local.handshake_fifo_template}" : local.handshake_request_template
      accepted_template  = local.handshake_reply_template
      too_large_template = local.handshake_reply_template
      failed_template    = local.handshake_reply_template
      } : {
      uri                = "arn:${data.aws_partition.current.partition}:apigateway:${local.region}:sqs:path/${local.account}/${aws_sqs_queue.this[key].name}"
      request_parameters = tomap({ "integration.request.header.Content-Type" = "'application/x-www-form-urlencoded'" })
      request_template   = "${file("${path.module}/templates/send_message.vtl")}${source.fifo ? local.send_fifo_template : ""}"
      accepted_template  = "#set($context.responseOverride.status = ${source.success_status})\n${file("${path.module}/templates/accepted.vtl")}"
      too_large_template = file("${path.module}/templates/too_large.vtl")
      failed_template    = file("${path.module}/templates/failed.vtl")
    }
  }

  handshake_request_template = file("${path.module}/templates/handshake_request.vtl")
  handshake_fifo_template    = file("${path.module}/templates/handshake_fifo.vtl")
  handshake_reply_template   = file("${path.module}/templates/handshake_reply.vtl")
  send_fifo_template         = file("${path.module}/templates/send_fifo.vtl")

  # What stands before a request template, by content type: what is not JSON has no members to order by.
  message_groups = {
    for key, source in var.sources : key => {
      for type in source.content_types : type => !source.fifo ? "" : (
        source.order_by.pointer != "" && can(regex("[/+]json$", type)) ? replace(local.group_of_body_template, "MEMBER", local.members[key]) : local.group_template
      )
    }
  }
  group_template         = file("${path.module}/templates/message_group.vtl")
  group_of_body_template = file("${path.module}/templates/message_group_of_body.vtl")

  # /data/ticket_id is get('data').get('ticket_id').
  members = {
    for key, source in var.sources : key => join(".", [for name in compact(split("/", source.order_by.pointer)) : "get('${name}')"])
  }
}

resource "aws_iam_role" "gateway" {
  name        = "${var.name}-gateway"
  description = "Role with which API Gateway puts webhooks into the queues of ${var.name}, or invokes the functions before them"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "apigateway.amazonaws.com" }
    }]
  })
}

# All queues, of sources with a handshake too: with the permission changing beside the integration, webhooks would be a 503 for as long
# as IAM takes to know, each time that a handshake is switched.
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

# One that was made anew under another name would be overwritten by its successor, and then deleted with it.
moved {
  from = aws_api_gateway_integration.sqs
  to   = aws_api_gateway_integration.post
}

resource "aws_api_gateway_integration" "post" {
  for_each = local.backends

  rest_api_id             = aws_api_gateway_rest_api.this.id
  resource_id             = aws_api_gateway_resource.source[each.key].id
  http_method             = aws_api_gateway_method.post[each.key].http_method
  type                    = "AWS"
  integration_http_method = "POST"
  uri                     = each.value.uri
  credentials             = aws_iam_role.gateway.arn
  content_handling        = "CONVERT_TO_TEXT"
  request_parameters      = each.value.request_parameters

  # Anything else would hand the sender's body to SQS as a call of its own, under our role.
  passthrough_behavior = "NEVER"

  request_templates = { for type, group in local.message_groups[each.key] : type => "${group}${each.value.request_template}" }
}

# SQS's answers, by status code. Only 2xx, which SQS gives when it has stored the message, becomes a 2xx; whatever else comes,
# also a status that nobody has thought of, meets the one without a pattern. CONVERT_TO_TEXT on each, or a sender whose Accept is a
# binary type gets its answer base64-decoded. The source's own success status is the template's work: as `status_code`, which can't
# be changed in place, another one would be created before the old is destroyed, and API Gateway refuses two with one pattern.
#
# Of a function, patterns are matched with the text of its error, and success takes the one without: hence the same template on
# each, which takes the status from what the function answered and from nothing else.

resource "aws_api_gateway_method_response" "accepted" {
  for_each = local.backends

  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_resource.source[each.key].id
  http_method = aws_api_gateway_method.post[each.key].http_method
  status_code = "200"
}

resource "aws_api_gateway_integration_response" "accepted" {
  for_each = local.backends

  rest_api_id       = aws_api_gateway_rest_api.this.id
  resource_id       = aws_api_gateway_resource.source[each.key].id
  http_method       = aws_api_gateway_integration.post[each.key].http_method
  status_code       = aws_api_gateway_method_response.accepted[each.key].status_code
  selection_pattern = "2\\d\\d"
  content_handling  = "CONVERT_TO_TEXT"

  response_templates = { "application/json" = each.value.accepted_template }
}

resource "aws_api_gateway_method_response" "too_large" {
  for_each = local.backends

  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_resource.source[each.key].id
  http_method = aws_api_gateway_method.post[each.key].http_method
  status_code = "413"
}

resource "aws_api_gateway_integration_response" "too_large" {
  for_each = local.backends

  rest_api_id        = aws_api_gateway_rest_api.this.id
  resource_id        = aws_api_gateway_resource.source[each.key].id
  http_method        = aws_api_gateway_integration.post[each.key].http_method
  status_code        = aws_api_gateway_method_response.too_large[each.key].status_code
  selection_pattern  = "413"
  content_handling   = "CONVERT_TO_TEXT"
  response_templates = { "application/json" = each.value.too_large_template }
}

resource "aws_api_gateway_method_response" "failed" {
  for_each = local.backends

  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_resource.source[each.key].id
  http_method = aws_api_gateway_method.post[each.key].http_method
  status_code = "503"
}

resource "aws_api_gateway_integration_response" "failed" {
  for_each = local.backends

  rest_api_id        = aws_api_gateway_rest_api.this.id
  resource_id        = aws_api_gateway_resource.source[each.key].id
  http_method        = aws_api_gateway_integration.post[each.key].http_method
  status_code        = aws_api_gateway_method_response.failed[each.key].status_code
  content_handling   = "CONVERT_TO_TEXT"
  response_templates = { "application/json" = each.value.failed_template }
}
