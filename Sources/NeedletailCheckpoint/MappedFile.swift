#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file mapped read-only into memory; its pages are read when they are first touched.
///
/// Note: when another process truncates the file while it is mapped, touching the lost pages ends this process (SIGBUS).
/// Replace model files by renaming, as every downloader does.
public final class MappedFile: @unchecked Sendable {
  // Unchecked: the memory is never written, and the pointer never changes.

  /// The path the file was opened by.
  public let path: String
  /// All bytes of the file; valid as long as this object lives.
  public let bytes: UnsafeRawBufferPointer

  /// Maps a regular file. An empty file has no bytes to map and is allowed.
  public init(_ path: String) throws(CheckpointError) {
    let (descriptor, count) = try FileSystem.openFile(path)
    defer { close(descriptor) }
    self.path = path
    guard count > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let base = mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0), base != MAP_FAILED else {
      throw .system(path, "mmap of \(count) bytes", errno)
    }
    bytes = UnsafeRawBufferPointer(start: base, count: count)
  }

  deinit {
    if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
  }

  /// What will happen to a part of the file next.
  public enum Advice: Sendable {
    /// It is going to be read soon: start reading it in the background.
    case willNeed
    /// It is going to be read once, from the front to the back: read ahead, drop what was read.
    case sequential
    /// It will not be read soon: its pages may go (they come back from the file when touched).
    case dontNeed
  }

  /// Tells the system what will happen to a range of bytes. A hint: nothing fails when the system ignores it.
  public func advise(_ advice: Advice, _ range: Range<Int>) {
    let range = range.clamped(to: 0..<bytes.count)
    guard !range.isEmpty, let base = bytes.baseAddress else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    // The kernel wants a page's address; a neighbour on the same page loses nothing but a cheap fault.
    let start = range.lowerBound / page * page
    let code =
      switch advice {
      case .willNeed: MADV_WILLNEED
      case .sequential: MADV_SEQUENTIAL
      case .dontNeed: MADV_DONTNEED
      }
    madvise(UnsafeMutableRawPointer(mutating: base + start), range.upperBound - start, Int32(code))
  }
}
