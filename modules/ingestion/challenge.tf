# A sender that makes sure of its URL with a GET, whose answer is a text of the request's own, or with a HEAD: API Gateway answers it
# by itself. Nobody signs it, so there is nothing to authorize; a template decides, and only ever echoes letters, digits, - and the like.
locals {
  challenge_templates = {
    intercom = {
      method       = "HEAD"
      request      = file("${path.module}/templates/challenge_intercom.vtl")
      answer       = file("${path.module}/templates/challenge_intercom_answer.vtl")
      content_type = "application/json"
    }
    meta = {
      method       = "GET"
      request      = file("${path.module}/templates/challenge_meta.vtl")
      answer       = file("${path.module}/templates/challenge_meta_answer.vtl")
      content_type = "text/plain"
    }
    okta = {
      method       = "GET"
      request      = file("${path.module}/templates/challenge_okta.vtl")
      answer       = file("${path.module}/templates/challenge_okta_answer.vtl")
      content_type = "application/json"
    }
  }

  challenge_refused_template = file("${path.module}/templates/challenge_refused.vtl")

  challenges = {
    for key, source in var.sources : key => merge(local.challenge_templates[source.scheme_handshake], {
      verify_token = source.verify_token == null ? "" : source.verify_token
    }) if source.scheme_handshake == null ? false : contains(keys(local.challenge_templates), source.scheme_handshake)
  }
}

resource "aws_api_gateway_method" "challenge" {
  for_each = local.challenges

  rest_api_id   = aws_api_gateway_rest_api.this.id
  resource_id   = aws_api_gateway_resource.source[each.key].id
  http_method   = each.value.method
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "challenge" {
  for_each = local.challenges

  rest_api_id          = aws_api_gateway_rest_api.this.id
  resource_id          = aws_api_gateway_resource.source[each.key].id
  http_method          = aws_api_gateway_method.challenge[each.key].http_method
  type                 = "MOCK"
  content_handling     = "CONVERT_TO_TEXT" # MOCK needs it where the API has binary types: Developer Guide, "Content type conversions"
  passthrough_behavior = "NEVER"           # anything else would let the sender's body name the status

  # It runs for a request without a Content-Type too.
  request_templates = { "application/json" = replace(each.value.request, "VERIFY_TOKEN", each.value.verify_token) }
}

resource "aws_api_gateway_method_response" "answered" {
  for_each = local.challenges

  rest_api_id         = aws_api_gateway_rest_api.this.id
  resource_id         = aws_api_gateway_resource.source[each.key].id
  http_method         = aws_api_gateway_method.challenge[each.key].http_method
  status_code         = "200"
  response_parameters = { "method.response.header.Content-Type" = false }
}

resource "aws_api_gateway_integration_response" "answered" {
  for_each = local.challenges

  rest_api_id         = aws_api_gateway_rest_api.this.id
  resource_id         = aws_api_gateway_resource.source[each.key].id
  http_method         = aws_api_gateway_integration.challenge[each.key].http_method
  status_code         = aws_api_gateway_method_response.answered[each.key].status_code
  selection_pattern   = "200"
  content_handling    = "CONVERT_TO_TEXT"
  response_parameters = { "method.response.header.Content-Type" = "'${each.value.content_type}'" }
  response_templates  = { "application/json" = each.value.answer }
}

resource "aws_api_gateway_method_response" "refused" {
  for_each = local.challenges

  rest_api_id = aws_api_gateway_rest_api.this.id
  resource_id = aws_api_gateway_resource.source[each.key].id
  http_method = aws_api_gateway_method.challenge[each.key].http_method
  status_code = "403"
}

resource "aws_api_gateway_integration_response" "refused" {
  for_each = local.challenges

  rest_api_id        = aws_api_gateway_rest_api.this.id
  resource_id        = aws_api_gateway_resource.source[each.key].id
  http_method        = aws_api_gateway_integration.challenge[each.key].http_method
  status_code        = aws_api_gateway_method_response.refused[each.key].status_code
  content_handling   = "CONVERT_TO_TEXT"
  response_templates = { "application/json" = local.challenge_refused_template }
}
