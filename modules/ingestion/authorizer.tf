locals {
  # What the authorizer takes a source to have unless it is told otherwise: left out, so that a hundred sources fit its environment.
  default_content_types     = tolist(["application/json", "application/x-www-form-urlencoded"]) # a list equals no tuple
  default_tolerance_seconds = 300

  sources_variable = base64gzip(jsonencode({
    for key, source in var.sources : key => merge(
      { scheme = jsondecode(source.scheme_json) },
      source.content_types == local.default_content_types ? {} : { content_types = source.content_types },
      source.tolerance_seconds == local.default_tolerance_seconds ? {} : { tolerance_seconds = source.tolerance_seconds },
      source.signed_url == null ? {} : { signed_url = source.signed_url },
      source.fifo ? { fifo = true } : {},
      source.order_by.header == "" ? {} : { order_by = source.order_by.header },
    )
  }))

  # A request without its source's signature header is a 401 that costs no Lambda. Something must be named, or the provider
  # names the Authorization header and every webhook is a 401; the caller's address is always there.
  always_present = "context.identity.sourceIp"
  signature_headers = {
    for key, source in var.sources : key => source.signature_header == null ? local.always_present : "method.request.header.${source.signature_header}"
  }

  # Amazon API Gateway quotas: ten authorizers per REST API.
  max_authorizers  = 10
  too_many_headers = length(distinct(values(local.signature_headers))) > local.max_authorizers
  identity_sources = { for key, header in local.signature_headers : key => local.too_many_headers ? local.always_present : header }
}

module "authorizer" {
  source = "../function"

  name               = "${var.name}-authorizer"
  package            = "authorizer"
  description        = "Decides from a webhook's head whether it may come in"
  timeout_seconds    = 5
  memory_mb          = 256
  snap_start         = var.authorizer_snap_start
  log_retention_days = var.log_retention_days

  environment = {
    SOURCES           = local.sources_variable
    SECRET_PREFIX     = var.secret_prefix
    METRICS_NAMESPACE = var.metrics_namespace
  }

  statements = [
    for arns in [[for key, source in var.sources : var.edge_secret_arns[key] if source.verified_at_edge]] : {
      actions   = ["secretsmanager:GetSecretValue"]
      resources = arns
    } if length(arns) > 0
  ]
}

resource "aws_api_gateway_authorizer" "this" {
  for_each = toset(values(local.identity_sources))

  name            = replace(each.key, ".", "-")
  rest_api_id     = aws_api_gateway_rest_api.this.id
  type            = "REQUEST"
  authorizer_uri  = module.authorizer.invoke_arn
  identity_source = each.key

  # A cached answer would let another request in on this one's signature.
  authorizer_result_ttl_in_seconds = 0

  lifecycle {
    precondition {
      condition     = length(local.sources_variable) <= 3500
      error_message = "The sources take ${length(local.sources_variable)} of the 3,500 characters that they may in the authorizer's environment, which AWS holds to 4 KB: use presets instead of custom schemes, leave content_types and tolerance_seconds as they are by default, or split the sources over two environments."
    }
  }
}

resource "aws_lambda_permission" "authorizer" {
  statement_id  = "api-gateway"
  action        = "lambda:InvokeFunction"
  function_name = module.authorizer.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.this.execution_arn}/authorizers/*"
}

# Beside the other and not in its place: until the API is deployed with the alias in it, its stage calls without.
resource "aws_lambda_permission" "authorizer_alias" {
  for_each = module.authorizer.aliases

  statement_id  = "api-gateway"
  action        = "lambda:InvokeFunction"
  function_name = module.authorizer.name
  qualifier     = each.key
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.this.execution_arn}/authorizers/*"
}
