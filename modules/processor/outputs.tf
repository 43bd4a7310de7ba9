output "function_name" {
  description = "Name of the lane's function."
  value       = module.function.name
}

output "effect" {
  description = "What the lane does beyond storing: \"handler\", \"postgres\" or \"http\". Null for nothing."
  value       = local.effect_json == "null" ? null : jsondecode(local.effect_json).kind
}
