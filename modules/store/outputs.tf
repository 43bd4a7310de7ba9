output "table_name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.this.name
}

output "table_arn" {
  description = "ARN of the table, as permissions name it."
  value       = aws_dynamodb_table.this.arn
}

output "receipt_index" {
  description = "Name and ARN of the index by request id. Null without receipts."
  value       = var.receipts ? { name = local.receipt_index_name, arn = "${aws_dynamodb_table.this.arn}/index/${local.receipt_index_name}" } : null
}
