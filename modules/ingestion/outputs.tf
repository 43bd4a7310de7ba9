output "endpoint" {
  description = "Base URL of the stage, without a slash at its end. POST to <endpoint>/webhooks/<source>."
  value       = aws_api_gateway_stage.this.invoke_url

  # Usable only then: throttled as configured, with an authorizer that may be called and queues that may be written to.
  depends_on = [
    aws_api_gateway_method_settings.challenge,
    aws_api_gateway_method_settings.post,
    aws_api_gateway_method_settings.receipt,
    aws_iam_role_policy.gateway,
    aws_iam_role_policy.invoke,
    aws_iam_role_policy.receipts,
    aws_lambda_permission.authorizer,
    aws_lambda_permission.authorizer_alias,
  ]
}

output "queues" {
  description = "The queues, by source: ARN and URL of the lane's queue, and of its dead-letter queue."
  value = {
    for key in keys(var.sources) : key => {
      arn             = aws_sqs_queue.this[key].arn
      url             = aws_sqs_queue.this[key].url
      dead_letter_arn = aws_sqs_queue.dead_letter[key].arn
      dead_letter_url = aws_sqs_queue.dead_letter[key].url
    }
  }
}

output "receipts_url" {
  description = "URL below which receipts are: GET <receipts_url>/<id>, signed for the service execute-api. Null without receipts."
  value       = var.receipts == null ? null : "${aws_api_gateway_stage.this.invoke_url}/receipts"
}
