#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// base to the power of exponent.
func power(_ base: Float, _ exponent: Float) -> Float { exponent == 0 ? 1 : pow(base, exponent) }
