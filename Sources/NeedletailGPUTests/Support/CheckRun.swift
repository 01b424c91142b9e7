import Glibc
import NeedletailCUDA
import NeedletailKernels

/// Runs checks one after another and prints a line for each.
enum CheckRun {
  /// Whether no check failed; a machine without a GPU skips all of them. A check that loses the GPU's context ends the
  /// process; another one takes its place and goes on behind it.
  static func run(_ checks: [GPUCheck], from start: CheckProgress, separatesOperands: Bool) -> Bool {
    if let reason = reasonForNoGPU() {
      say("no GPU, so nothing is checked: \(reason)")
      say("0 passed, 0 failed, \(checks.count) skipped")
      return true
    }
    let gpu: GPU
    do {
      gpu = try GPU(separatesOperands: separatesOperands)
    } catch {
      say("FAIL context: \(error)")
      say("0 passed, 1 failed, \(checks.count) skipped")
      return false
    }
    var progress = start
    if start.done == 0 { say("\(gpu.context.device.summary), CUDA \(gpu.context.driver.version)") }
    for (index, check) in checks.enumerated().dropFirst(start.done) {
      let begin = seconds()
      var (verdict, detail) = (CheckProgress.Verdict.passed, "")
      do {
        detail = try check.body(gpu)
      } catch let reason as CheckSkipped {
        (verdict, detail) = (.skipped, reason.description)
      } catch {
        (verdict, detail) = (.failed, "\(error)")
      }
      let duration = seconds() - begin
      progress.add(verdict, seconds: duration)
      say("\(verdict.word) \(check.name): \(detail) (\(time(duration)))")
      if index < checks.count - 1, gpu.isLost { restart(progress) }
    }
    for line in progress.table(checks.map(\.name)) { say(line) }
    return progress.count(.failed) == 0
  }

  /// Starts this program anew, behind the checks that are done.
  private static func restart(_ progress: CheckProgress) {
    var arguments: [String] = []
    var rest = CommandLine.arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--after" { _ = rest.popFirst() } else { arguments.append(argument) }
    }
    arguments += ["--after", "\(progress)"]
    var pointers = arguments.map { strdup($0) } + [nil]
    execv("/proc/self/exe", &pointers)
    say("the program cannot be started anew: \(String(cString: strerror(errno)))")
  }

  /// Compiles the kernels of checks for an H200 into a folder. Whether all of them could be.
  static func compile(_ checks: [GPUCheck], to folder: String) -> Bool {
    do {
      var jobs: [AheadOfTime.Job] = []
      for check in checks {
        jobs += try check.functions(.h200).map { AheadOfTime.Job($0, architecture: GPUTraits.h200.architecture) }
      }
      let nvrtc = try CUDALibraries.shared.nvrtc.get()
      var failures = 0
      var seen: Set<AheadOfTime.Job> = []
      let start = seconds()
      let ahead = AheadOfTime(nvrtc, folder: folder)
      let all = jobs.filter { seen.insert($0).inserted }
      // All that can be compiled, whatever cannot.
      do {
        _ = try ahead.compile(all, threads: sysconf(Int32(_SC_NPROCESSORS_ONLN)))
      } catch {
        for job in all {
          do { _ = try ahead.compile([job]) } catch {
            failures += 1
            if failures > 8 { continue }
            say("FAIL \(job.function.source) \(job.function.defines.map { "\($0.name)=\($0.value)" }): \(error)")
          }
        }
      }
      say("\(all.count - failures) kernels in \(folder), \(failures) failed (\(time(seconds() - start)))")
      return failures == 0
    } catch {
      say("FAIL: \(error)")
      return false
    }
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
