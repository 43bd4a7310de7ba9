resource "aws_api_gateway_rest_api" "this" {
  name        = var.name
  description = "Takes in webhooks: POST /webhooks/<source>"

  # With these and CONVERT_TO_TEXT a template sees base64 of the raw bytes. Without, bytes that are not UTF-8 are lost before it runs.
  binary_media_types = sort(distinct(flatten([for source in values(var.sources) : source.content_types])))

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

# Only an explicit Deny counts before the authorizer, so a list of addresses is a Deny for all others (Amazon API Gateway Developer
# Guide, "How API Gateway resource policies affect authorization workflow"). A resource of its own because of full ARNs: AWS
# writes the short form `execute-api:/...` out, and every plan would show a change.
#
# The Allow is for webhooks alone, whose callers nobody at AWS knows. Of a method with IAM authorization it would be an invitation to
# every principal of the account and, with a policy of its own, of every other account (same guide, "Policy evaluation outcome tables").
# Stage and methods are named, as an asterisk before the path would take slashes as well.
resource "aws_api_gateway_rest_api_policy" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Effect    = "Allow"
        Principal = "*"
        Action    = "execute-api:Invoke"
        Resource  = [for method in ["GET", "HEAD", "POST"] : "${aws_api_gateway_rest_api.this.execution_arn}/${local.stage}/${method}/webhooks/*"]
      }],
      [
        for key, source in var.sources : {
          Effect    = "Deny"
          Principal = "*"
          Action    = "execute-api:Invoke"
          Resource  = "${aws_api_gateway_rest_api.this.execution_arn}/*/*/webhooks/${key}"
          Condition = { NotIpAddress = { "aws:SourceIp" = source.allowed_cidrs } }
        } if length(source.allowed_cidrs) > 0
      ],
    )
  })
}

resource "aws_api_gateway_resource" "webhooks" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_rest_api.this.root_resource_id
  path_part   = "webhooks"
}

resource "aws_api_gateway_resource" "source" {
  for_each = var.sources

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.webhooks.id
  path_part   = each.key
}

resource "aws_api_gateway_method" "post" {
  for_each = var.sources

  rest_api_id   = aws_api_gateway_rest_api.this.id
  resource_id   = aws_api_gateway_resource.source[each.key].id
  http_method   = "POST"
  authorization = "CUSTOM"
  authorizer_id = aws_api_gateway_authorizer.this[local.identity_sources[each.key]].id
}
