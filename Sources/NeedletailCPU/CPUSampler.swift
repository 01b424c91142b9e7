import CNeedletailKernels
import NeedletailKernels

/// Runs the sampling kernel over the logits of a step.
struct CPUSampler {
  private let device: CPUDevice
  private let kernel: nt_cpu_kernel

  init(_ device: CPUDevice) throws {
    self.device = device
    kernel = try device.kernels.kernel("sample")
  }

  func sample(_ request: SampleRequest, logits: UnsafePointer<Float>, vocabulary: Int) -> SampleResult {
    var result = SampleResult(rowCount: request.rows.count, maximumTop: request.maximumTop)
    guard !request.rows.isEmpty else { return result }
    request.rows.withUnsafeBufferPointer { rows in
      request.history.withUnsafeBufferPointer { history in
        request.biases.withUnsafeBufferPointer { biases in
          request.masks.withUnsafeBufferPointer { masks in
            result.tokens.withUnsafeMutableBufferPointer { tokens in
              result.logProbabilities.withUnsafeMutableBufferPointer { logprobs in
                result.topTokens.withUnsafeMutableBufferPointer { topTokens in
                  result.topLogProbabilities.withUnsafeMutableBufferPointer { topLogprobs in
                    var arguments = nt_sample_arguments(
                      logits: logits, parameters: rows.baseAddress, history: history.baseAddress,
                      biases: biases.baseAddress, masks: masks.baseAddress, tokens: tokens.baseAddress,
                      logprobs: logprobs.baseAddress, top_tokens: topTokens.baseAddress,
                      top_logprobs: topLogprobs.baseAddress, rows: Int64(rows.count),
                      vocabulary: Int64(vocabulary), logits_stride: Int64(vocabulary),
                      max_top: Int32(request.maximumTop), reserved: 0)
                    withUnsafePointer(to: &arguments) { pointer in
                      var launch = nt_cpu_launch(kernel: kernel, arguments: pointer)
                      nt_pool_run(device.pool, &launch, 1, nil)
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
    return result
  }
}
