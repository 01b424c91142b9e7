import Glibc
import NeedletailCUDA

/// Runs checks one after another and prints a line for each.
enum CheckRun {
  /// Whether no check failed; a machine without a GPU skips all of them.
  static func run(_ checks: [GPUCheck]) -> Bool {
    if let reason = reasonForNoGPU() {
      say("no GPU, so nothing is checked: \(reason)")
      say("0 passed, 0 failed, \(checks.count) skipped")
      return true
    }
    let gpu: GPU
    do {
      gpu = try GPU()
    } catch {
      say("FAIL context: \(error)")
      say("0 passed, 1 failed, \(checks.count) skipped")
      return false
    }
    say("\(gpu.context.device.summary), CUDA \(gpu.context.driver.version)")
    var (passed, failed, skipped) = (0, 0, 0)
    for check in checks {
      let start = seconds()
      var (verdict, detail) = ("ok  ", "")
      do {
        detail = try check.body(gpu)
        passed += 1
      } catch let reason as CheckSkipped {
        (verdict, detail) = ("skip", reason.description)
        skipped += 1
      } catch {
        (verdict, detail) = ("FAIL", "\(error)")
        failed += 1
      }
      say("\(verdict) \(check.name): \(detail) (\(time(seconds() - start)))")
    }
    say("\(passed) passed, \(failed) failed" + (skipped == 0 ? "" : ", \(skipped) skipped"))
    return failed == 0
  }

  /// Prints a line at once: a pipe would hold it back, and a check that crashes would take it along.
  private static func say(_ line: String) {
    print(line)
    fflush(nil)
  }

  /// Why there is no GPU; nil where there is one, or one that does not work: that is a failure, not a reason.
  private static func reasonForNoGPU() -> String? {
    /// The driver's code where it finds no GPU.
    let noDevice: Int32 = 100
    do {
      let count = try CUDALibraries.shared.driver.get().deviceCount()
      return count == 0 ? "the driver sees none" : nil
    } catch  where error.call.isEmpty || error.code == noDevice {
      return error.description
    } catch {
      return nil
    }
  }
}
