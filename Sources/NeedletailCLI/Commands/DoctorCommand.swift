import ArgumentParser
import Needletail
import NeedletailCPU
import NeedletailCUDA
import NeedletailCheckpoint
import NeedletailKernels

/// `needletail doctor`: what this machine has, and what to do about what is missing.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Say what this machine has, and what to do about what is missing.")

  @Option(help: "Threads of the CPU device; by default one for each core.")
  var threads: Int?
  @Flag(help: "Print one JSON object.")
  var json = false

  /// One finding: what was looked at, what was found, and what would help.
  struct Finding {
    let name: String
    let value: String
    var advice: String?
    /// Whether the machine lacks something; advice alone is a hint.
    var isProblem = false
  }

  func run() throws {
    if let threads, threads < 1 { throw UsageError("--threads is \(threads); it must be 1 or more") }
    let machine = MachineDescription.current()
    let rates = try MachineRates.measure(threads: threads, dtype: .bfloat16)
    let findings = Self.findings(machine, rates)
    if json {
      Terminal.line(Self.json(findings, machine, rates).text(.init(indent: 2)))
      return
    }
    let width = findings.map(\.name.count).max() ?? 0
    for finding in findings {
      let space = String(repeating: " ", count: width - finding.name.count)
      Terminal.line(
        "\(finding.isProblem ? "!" : finding.advice == nil ? "✓" : "·") \(finding.name)\(space)  \(finding.value)")
      if let advice = finding.advice { Terminal.line(String(repeating: " ", count: width + 4) + advice) }
    }
  }

  private static func findings(_ machine: MachineDescription, _ rates: MachineRates) -> [Finding] {
    let sets = InstructionSet.allCases.filter(\.isAvailable).map(\.name)
    let best = InstructionSet.best
    var findings = [
      Finding(name: "processor", value: "\(machine.processor), \(machine.cores) cores for this process"),
      Finding(
        name: "instruction sets", value: sets.joined(separator: ", "),
        advice: best == .plain
          ? "there are only portable kernels for this processor; AVX2, AVX-512 or NEON would be several times faster"
          : nil, isProblem: best == .plain),
      Finding(
        name: "memory", value: Show.bytes(machine.memoryBytes),
        advice: machine.memoryBytes < 4 << 30 ? "models of more than a billion parameters will not fit" : nil,
        isProblem: machine.memoryBytes < 4 << 30),
      Finding(
        name: "caches", value: machine.caches.map { "\($0.name) \($0.size)" }.joined(separator: ", ")),
    ]
    let loops = rates.loops.map { "\($0.loop) \(Show.amount($0.bytesPerSecond, "B/s"))" }.joined(separator: ", ")
    findings.append(
      Finding(name: "read bandwidth", value: "\(Show.amount(rates.bytesPerSecond, "B/s")) (\(loops))"))
    findings.append(
      Finding(name: "matrix products", value: "\(Show.amount(rates.operationsPerSecond, "FLOP/s")) in bfloat16"))
    findings.append(
      Finding(
        name: "huge pages", value: machine.hugePages ?? "unknown",
        advice: machine.hugePages == "never"
          ? "reading weights gets faster with: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled" : nil,
        isProblem: machine.hugePages == "never"))
    let cache = ModelDirectory.cachePath()
    let hasCache = Files.isDirectory(cache)
    findings.append(
      Finding(
        name: "model cache", value: cache + (hasCache ? "" : " (not there yet)"),
        advice: hasCache ? nil : "models can be fetched into it with: hf download ORG/NAME"))
    let demo = try? DemoModel.path()
    findings.append(
      Finding(
        name: "demo model", value: demo ?? "not found",
        advice: demo == nil ? "run from the repository, or name a model with --model" : nil))
    // Without a driver there is no GPU for the other libraries to run on.
    let hasDriver = (try? CUDALibraries.shared.driver.get()) != nil
    findings += CUDADiscovery.report().prefix(hasDriver ? .max : 1).map {
      Finding(name: $0.name, value: $0.value, advice: $0.advice, isProblem: $0.isProblem)
    }
    findings.append(device())
    return findings
  }

  /// What `--device auto` takes.
  private static func device() -> Finding {
    do {
      let device = try CUDADevice()
      let free = try device.memory().map { ", \(Show.bytes($0.freeBytes)) of memory free" } ?? ""
      return Finding(name: "models run on", value: "\(device.summary)\(free); --device cpu takes the CPU")
    } catch let error as CUDAError where error.call.isEmpty {
      return Finding(name: "models run on", value: "the CPU: \(error)")
    } catch {
      return Finding(
        name: "models run on", value: "the CPU: \(error)", advice: "the findings above say what would help",
        isProblem: true)
    }
  }

  private static func json(_ findings: [Finding], _ machine: MachineDescription, _ rates: MachineRates) -> JSON {
    let bandwidth = JSONObject(rates.loops.map { ($0.loop, .double($0.bytesPerSecond)) })
    return [
      "version": .string(Version.text), "hardware": .string(machine.summary), "cores": .int(machine.cores),
      "memory_bytes": .int(machine.memoryBytes),
      "instruction_sets": .array(InstructionSet.allCases.filter(\.isAvailable).map { .string($0.name) }),
      "read_bytes_per_s": .double(rates.bytesPerSecond), "read_loops": .object(bandwidth),
      "flops_per_s": .double(rates.operationsPerSecond),
      "findings": .array(
        findings.map { finding in
          [
            "name": .string(finding.name), "value": .string(finding.value),
            "advice": finding.advice.map { .string($0) } ?? .null,
          ]
        }),
    ]
  }
}
