output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "ARN under which the function is called, as event source mappings and policies name it: with snap_start its alias's."
  value       = one(concat(values(aws_lambda_alias.this)[*].arn, var.snap_start ? [] : [aws_lambda_function.this.arn]))

  # Usable only then: a mapping is refused while the role may not read the queue.
  depends_on = [aws_iam_role_policy.this]
}

output "invoke_arn" {
  description = "ARN under which API Gateway calls the function: with snap_start its alias's."
  value       = one(concat(values(aws_lambda_alias.this)[*].invoke_arn, var.snap_start ? [] : [aws_lambda_function.this.invoke_arn]))

  depends_on = [aws_iam_role_policy.this]
}

output "aliases" {
  description = "Names of the aliases under which the function is called, each of which needs permissions of its own. None without snap_start."
  value       = local.aliases

  depends_on = [aws_lambda_alias.this]
}
