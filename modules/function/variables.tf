variable "name" {
  description = "Name of the function, of its role, and the end of its log group's name."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "The function's name \"${var.name}\" has ${length(var.name)} characters: Lambda and IAM take at most 64 letters, digits, - and _. Shorten the environment's name or the source's."
  }
}

variable "package" {
  description = "Directory in lambdas/ that holds the code: its zip is build/<package>.zip, its handler <package>.handler.handle."
  type        = string

  validation {
    condition     = fileexists("${path.module}/../../build/${var.package}.zip")
    error_message = "build/${var.package}.zip is not there. Run scripts/build.sh, which makes the zips from lambdas/."
  }
}

variable "handler_package" {
  description = "A Python package that the code runs with besides, from build/<package>-<handler package>.zip. Null for none."
  type        = string
  default     = null

  validation {
    condition     = var.handler_package == null ? true : fileexists("${path.module}/../../build/${var.package}-${var.handler_package}.zip")
    error_message = "build/${var.package}-${join("", var.handler_package[*])}.zip is not there, which ${var.name} needs for its handler. Run scripts/build.sh --with DIR, DIR being the directory of the Python package ${join("", var.handler_package[*])}."
  }
}

variable "needs_cryptography" {
  description = "Whether the code runs with the package cryptography, from a zip whose name ends in -cryptography. Its handler is the same."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = var.needs_cryptography ? fileexists("${path.module}/../../build/${join("-", concat([var.package], var.handler_package[*]))}-cryptography.zip") : true
    error_message = "build/${join("-", concat([var.package], var.handler_package[*]))}-cryptography.zip is not there, which ${var.name} needs for a sender that signs with a private key. Run scripts/build.sh --with-cryptography${join("", [for package in var.handler_package[*] : " --with DIR, DIR being the directory of the Python package ${package}"])}."
  }
}

variable "description" {
  description = "What the function does, in a few words for the console."
  type        = string
}

variable "timeout_seconds" {
  description = "Longest run of one call, 1 to 900 seconds."
  type        = number

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds of ${var.name} is ${var.timeout_seconds}: set a whole number from 1 to 900, the longest that Lambda runs."
  }
}

variable "memory_mb" {
  description = "Memory in MB, 128 to 10,240. CPU grows with it: 1,769 MB is one whole core."
  type        = number

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "memory_mb of ${var.name} is ${var.memory_mb}: set a whole number from 128 to 10240."
  }
}

variable "environment" {
  description = "Environment variables, exactly those that the package's settings read."
  type        = map(string)
}

variable "statements" {
  description = "What the function may do beyond its own logs and traces: allowed actions on exactly named resources, and of a DynamoDB table on items alone whose partition key is one of leading_keys, in which * stands for anything."
  type = list(object({
    actions      = list(string)
    resources    = list(string)
    leading_keys = optional(list(string), [])
  }))
}

variable "vpc" {
  description = "Subnets and security groups that the function runs in, to reach what is private. It then reaches AWS itself through NAT or endpoints only. Null for no VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null

  validation {
    condition     = var.vpc == null ? true : length(var.vpc.subnet_ids) > 0 && length(var.vpc.security_group_ids) > 0
    error_message = "vpc of ${var.name} lacks subnet_ids or security_group_ids: list at least one of each, or leave vpc out."
  }
}

variable "snap_start" {
  description = "Whether a new execution environment is restored from a snapshot of an initialised one, instead of being initialised itself. Each change then publishes a version, whose snapshot is paid for until the version is deleted."
  type        = bool
  default     = false
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that log lines are kept, one of the periods CloudWatch Logs offers."
  type        = number
}
