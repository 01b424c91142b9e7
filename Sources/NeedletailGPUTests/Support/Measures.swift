import Glibc

/// Seconds of the clock that never goes back.
func seconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Seconds as "12.3 us", "4.5 ms" or "1.2 s".
func time(_ seconds: Double) -> String {
  if seconds < 1e-3 { return "\(decimal(seconds * 1e6)) us" }
  return seconds < 1 ? "\(decimal(seconds * 1e3)) ms" : "\(decimal(seconds)) s"
}

/// A number with one decimal.
func decimal(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
