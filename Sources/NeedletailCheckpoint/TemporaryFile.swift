#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that is written under a temporary name beside its own and gets its own when it is complete.
///
/// Renaming replaces an older file at once: a reader sees all of the one or all of the other. A file that is dropped
/// before `commit()` leaves nothing. What is there and no regular file (a device, a pipe, a directory) is refused: it
/// cannot be written at offsets, and a rename would take its place.
final class TemporaryFile {
  /// The path the file will have.
  let path: String
  private let temporaryPath: String
  private var descriptor: Int32

  init(_ path: String) throws(CheckpointError) {
    guard FileSystem.isValid(path) else { throw CheckpointError(quoted(path), "is no name of a file") }
    var status = stat()
    guard stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG else {
      throw CheckpointError(path, "is there already and is no regular file; choose another name")
    }
    self.path = path
    temporaryPath = path + ".\(getpid())-\(UInt32.random(in: 0 ... .max)).tmp"
    descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw .system(path, "creating the file", errno) }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(temporaryPath)
  }

  /// Writes bytes at an offset from the file's start.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(CheckpointError) {
    var done = 0
    while done < bytes.count, let base = bytes.baseAddress {
      let count = pwrite(descriptor, base + done, bytes.count - done, off_t(offset + done))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .system(path, "writing the file", errno) }
      done += count
    }
  }

  /// Closes the file and gives it its name.
  func commit() throws(CheckpointError) {
    // A full disk may show itself only here.
    let closed = close(descriptor)
    let code = errno
    descriptor = -1
    guard closed == 0 else {
      unlink(temporaryPath)
      throw .system(path, "writing the file", code)
    }
    guard rename(temporaryPath, path) == 0 else {
      let code = errno
      unlink(temporaryPath)
      throw .system(path, "renaming the file from its temporary name", code)
    }
  }
}
