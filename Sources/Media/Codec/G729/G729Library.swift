#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The functions of bcg729, an implementation of G.729 annexes A and B under a licence that does not allow to link it: it is looked
/// for at run time, once, and G.729 is not offered where it is not installed.
struct G729Library: Sendable {
    typealias MakeEncoder = @Sendable @convention(c) (UInt8) -> OpaquePointer?
    typealias Close = @Sendable @convention(c) (OpaquePointer) -> Void
    /// Context, 80 samples, 10 octets, and where the length is put.
    typealias Encode =
        @Sendable @convention(c) (
            OpaquePointer, UnsafePointer<Int16>, UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt8>
        ) -> Void
    typealias MakeDecoder = @Sendable @convention(c) () -> OpaquePointer?
    /// Context, octets and their number; flags: the frame is lost, is a SID, is one of RFC 3389; 80 samples.
    typealias Decode =
        @Sendable @convention(c) (
            OpaquePointer, UnsafePointer<UInt8>?, UInt8, UInt8, UInt8, UInt8, UnsafeMutablePointer<Int16>
        ) -> Void

    let makeEncoder: MakeEncoder
    let closeEncoder: Close
    let encode: Encode
    let makeDecoder: MakeDecoder
    let closeDecoder: Close
    let decode: Decode

    /// The library, if it is installed. It is never unloaded.
    static let shared = G729Library(named: ["libbcg729.so.0", "libbcg729.0.dylib"])

    /// The library, or why there is none.
    static func required() throws(CodecError) -> G729Library {
        guard let shared else {
            throw CodecError(.missingLibrary, "G.729 needs the library bcg729, for example the package libbcg729-0")
        }
        return shared
    }

    private init?(named names: [String]) {
        var handle: UnsafeMutableRawPointer?
        for name in names where handle == nil { handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) }
        guard let handle,
            let makeEncoder = dlsym(handle, "initBcg729EncoderChannel"),
            let closeEncoder = dlsym(handle, "closeBcg729EncoderChannel"),
            let encode = dlsym(handle, "bcg729Encoder"),
            let makeDecoder = dlsym(handle, "initBcg729DecoderChannel"),
            let closeDecoder = dlsym(handle, "closeBcg729DecoderChannel"),
            let decode = dlsym(handle, "bcg729Decoder")
        else { return nil }
        // The types are those of bcg729's headers encoder.h and decoder.h since version 1.0.2; the name `.so.0` stands for them.
        self.makeEncoder = unsafeBitCast(makeEncoder, to: MakeEncoder.self)
        self.closeEncoder = unsafeBitCast(closeEncoder, to: Close.self)
        self.encode = unsafeBitCast(encode, to: Encode.self)
        self.makeDecoder = unsafeBitCast(makeDecoder, to: MakeDecoder.self)
        self.closeDecoder = unsafeBitCast(closeDecoder, to: Close.self)
        self.decode = unsafeBitCast(decode, to: Decode.self)
    }
}
