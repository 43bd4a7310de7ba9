output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "ARN of the function, as permissions and event source mappings name it."
  value       = aws_lambda_function.this.arn

  # Usable only then: a mapping is refused while the role may not read the queue.
  depends_on = [aws_iam_role_policy.this]
}

output "invoke_arn" {
  description = "ARN under which API Gateway calls the function."
  value       = aws_lambda_function.this.invoke_arn

  depends_on = [aws_iam_role_policy.this]
}
