import Glibc
import Needletail
import NeedletailCUDA

extension GPUCheck {
  /// GPUs that are there and cannot be used, as other processes see them: a sentence where the GPU was asked for, the CPU
  /// where it was not.
  static func driverFaults(_ folder: String) -> [GPUCheck] {
    let model = folder + "/llama3_gqa"
    return [
      GPUCheck("fault/driver/hidden GPUs") { _ in
        try both(
          model, [], ["CUDA_VISIBLE_DEVICES": ""], naming: "the GPU cannot be used", "CUDA_ERROR_NO_DEVICE",
          isNoted: true)
      },
      GPUCheck("fault/driver/missing") { _ in
        let root = try root(model)
        return try both(
          "/model", ["root", root.path], [:], naming: "the GPU cannot be used", "libcuda.so.1 was not found",
          isNoted: false)
      },
      GPUCheck("fault/driver/of another kind") { _ in
        let folder = try TemporaryFolder()
        guard
          let library = ["/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib/aarch64-linux-gnu"]
            .map({ $0 + "/libm.so.6" }).first(where: Files.exists)
        else { throw CheckSkipped(description: "no library is found to stand in for the driver's") }
        try Files.write(try Files.read(library), to: folder.path + "/libcuda.so.1")
        return try both(
          model, [], ["LD_LIBRARY_PATH": folder.path], naming: folder.path + "/libcuda.so.1 has no cuInit",
          "the driver is too old", isNoted: true)
      },
      GPUCheck("fault/driver/no device files") { _ in
        let root = try root(model)
        return try both(
          "/model", ["with-driver", "root", root.path], [:], naming: "the GPU cannot be used", "cuInit failed",
          isNoted: true)
      },
      GPUCheck("fault/driver/no permission") { _ in
        let root = try root(model)
        try Files.makeFolder(root.path + "/dev")
        for name in ["nvidiactl", "nvidia0", "nvidia-uvm"] {
          try Files.write([], to: root.path + "/dev/" + name)
          chmod(root.path + "/dev/" + name, 0)
        }
        return try both(
          "/model", ["with-driver", "root", root.path, "user", "65534"], [:], naming: "the GPU cannot be used",
          "this user may not open /dev/nvidia", isNoted: true)
      },
    ]
  }

  /// A folder that can be a process's root, with the model.
  private static func root(_ model: String) throws -> TemporaryFolder {
    guard getuid() == 0 else { throw CheckSkipped(description: "only root may have another root folder") }
    let root = try TemporaryFolder()
    try Files.copyFolder(model, to: root.path + "/model")
    return root
  }

  /// Where the GPU is asked for, a sentence; else the CPU, with a note unless there is nothing to say.
  private static func both(
    _ model: String, _ words: [String], _ environment: [String: String], naming parts: String..., isNoted: Bool
  ) throws -> String {
    let refusal = try ChildProcess(["answer", "cuda", model] + words, environment: environment).end(seconds: 20)
    if refusal.contains("error: chroot") || refusal.contains("error: setuid") {
      throw CheckSkipped(description: refusal)
    }
    for part in ["error: "] + parts {
      try expect(refusal.contains(part), "it does not say \"\(part)\": \(refusal)")
    }
    let text = try ChildProcess(["answer", "auto", model] + words, environment: environment).end(seconds: 20)
    try expect(text.contains("] on CPU"), "the CPU does not answer: \(text)")
    try expect(text.contains("note: the GPU cannot be used") == isNoted, "the note: \(text)")
    return refusal.split(separator: "\n").last.map(String.init) ?? ""
  }
}
