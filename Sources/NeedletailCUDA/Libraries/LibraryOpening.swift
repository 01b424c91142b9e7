import CNeedletailCUDA

/// A library that was opened, and what was seen on the way.
struct OpenedLibrary: Sendable {
  let handle: UInt
  /// The file it came from.
  let path: String
  /// Files that were not taken and why, one sentence each.
  let passedOver: [String]
}

/// Why a library cannot be used.
struct MissingLibrary: Error, Sendable {
  /// One sentence.
  let sentence: String
  /// Files that were not taken and why, one sentence each.
  var passedOver: [String] = []
}

extension LibrarySearch {
  /// Opens the newest version of a library whose major of CUDA is at most the driver's.
  ///
  /// `driverMajor` is nil where there is no driver: then the newest of all is taken, to compile for other machines. A
  /// file that does not open is told and the next is tried.
  func open(_ kind: LibraryKind, driverMajor: Int?) throws(MissingLibrary) -> OpenedLibrary {
    var passedOver: [String] = []
    var missing = ""
    for major in kind.isOfToolkit ? LibraryKind.majors : [0] {
      let name = kind.fileName(major: major)
      let files = folders.map { "\($0)/\(name)" }.filter(SystemFiles.exists)
      if let driverMajor, major > driverMajor {
        passedOver += files.map { "\($0): the driver supports CUDA \(driverMajor) at most" }
        continue
      }
      for candidate in (asksLoader ? [name] : []) + files {
        switch Self.open(candidate, anchor: kind.anchor) {
        case .success(let library):
          return OpenedLibrary(handle: library.handle, path: library.path, passedOver: passedOver)
        case .failure(let failure):
          // A name that the loader does not know is no finding, a file that is there is.
          if candidate != name || SystemFiles.exists(candidate) {
            passedOver.append("\(candidate): \(failure.sentence)")
          }
        }
      }
      missing += (missing.isEmpty ? "" : " or ") + name
    }
    throw MissingLibrary(
      sentence: missing.isEmpty ? "there is none for the version of the driver" : "\(missing) was not found",
      passedOver: passedOver)
  }

  private static func open(
    _ name: String, anchor: String
  ) -> Result<(handle: UInt, path: String), MissingLibrary> {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
      guard let base = buffer.baseAddress else { return .failure(MissingLibrary(sentence: "no memory")) }
      base.initialize(repeating: 0, count: buffer.count)
      let handle = nt_library_open(name, base, buffer.count)
      guard handle != 0 else { return .failure(MissingLibrary(sentence: String(cString: base))) }
      let isKnown = nt_library_path(handle, anchor, base, buffer.count)
      return .success((handle, isKnown ? String(cString: base) : name))
    }
  }
}
