# What API Gateway answers by itself, in the shape of all our errors: an upper-case type, a reason to count by, and the id to ask
# about. DEFAULT_* keep their statuses, as a new one there would change every response of the kind.
locals {
  gateway_responses = merge(var.receipts == null ? {} : local.signed_responses, {
    ACCESS_DENIED                  = { status = "403", reason = "$context.authorizer.reason" }
    API_CONFIGURATION_ERROR        = { status = "500", reason = "gateway_failure" }
    AUTHORIZER_CONFIGURATION_ERROR = { status = "500", reason = "authorizer_failure" }
    AUTHORIZER_FAILURE             = { status = "500", reason = "authorizer_failure" }
    DEFAULT_4XX                    = { status = null, reason = "bad_request" }
    DEFAULT_5XX                    = { status = null, reason = "gateway_failure" }
    INTEGRATION_FAILURE            = { status = "503", reason = "queue_unavailable" }
    INTEGRATION_TIMEOUT            = { status = "503", reason = "queue_unavailable" }
    MISSING_AUTHENTICATION_TOKEN   = { status = "404", reason = "unknown_route" }
    RESOURCE_NOT_FOUND             = { status = "404", reason = "unknown_route" }
    THROTTLED                      = { status = "429", reason = "throttled" }
    UNAUTHORIZED                   = { status = "401", reason = "missing_signature" }
    UNSUPPORTED_MEDIA_TYPE         = { status = "415", reason = "unsupported_content_type" }
  })

  # Of the caller's Signature Version 4, which is wanted for receipts alone.
  signed_responses = {
    EXPIRED_TOKEN     = { status = "403", reason = "expired_credentials" }
    INVALID_SIGNATURE = { status = "403", reason = "invalid_request_signature" }
  }
}

resource "aws_api_gateway_gateway_response" "this" {
  for_each = local.gateway_responses

  rest_api_id   = aws_api_gateway_rest_api.this.id
  response_type = each.key
  status_code   = each.value.status

  response_templates = {
    "application/json" = jsonencode({
      error      = "$context.error.responseType"
      reason     = each.value.reason
      request_id = "$context.extendedRequestId"
    })
  }
}
