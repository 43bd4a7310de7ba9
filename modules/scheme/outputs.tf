output "kind" {
  description = "\"hmac\", \"token\" or \"unsigned\"."
  value       = var.scheme == null ? var.custom_scheme.kind : local.presets[var.scheme].kind
}

output "signature_header" {
  description = "Header that carries the signature or the token. Null for an unsigned source."
  value       = var.scheme == null ? var.custom_scheme.signature.header : lookup(local.presets[var.scheme], "signature", { header = null }).header
}

output "json" {
  description = "The scheme as the Lambdas read it, as JSON text: a preset's name, or the custom scheme without what was not given."
  value       = var.scheme == null ? jsonencode(one(local.custom)) : jsonencode(var.scheme)
}
