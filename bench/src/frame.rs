//! RFC 6455 framing, client side: masked frames out, unmasked frames in.
//!
//! Owns bytes of single frames. Never reads a socket and knows nothing of what a payload means.

/// A text frame.
pub(crate) const TEXT: u8 = 0x1;
/// A binary frame.
pub(crate) const BINARY: u8 = 0x2;
/// A fragment after the first.
pub(crate) const CONTINUATION: u8 = 0x0;
/// The end, with an optional code and reason.
pub(crate) const CLOSE: u8 = 0x8;
/// Asks for a pong with the same payload.
pub(crate) const PING: u8 = 0x9;
/// Answers a ping.
pub(crate) const PONG: u8 = 0xA;

/// Largest frame taken from a server, in bytes: far above a coalesced NATS flush, far below a memory problem.
const MAX_FRAME: u64 = 64 * 1024 * 1024;

/// One frame in a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Frame<'a> {
    /// Last fragment of its message.
    pub(crate) fin: bool,
    /// What it is.
    pub(crate) opcode: u8,
    /// Its bytes.
    pub(crate) payload: &'a [u8],
    /// Bytes of the buffer it took, header included.
    pub(crate) taken: usize,
}

/// Why a server's bytes are no frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// Section 5.1: a server must not mask.
    #[error("the server masked a frame")]
    Masked,
    /// No extension was agreed on.
    #[error("reserved bits are set")]
    Reserved,
    /// Beyond [`MAX_FRAME`].
    #[error("a frame of {0} bytes")]
    TooLarge(u64),
}

/// The first frame in `buffer`, or `None` while it is not all there.
///
/// # Errors
/// The bytes break RFC 6455 section 5.2.
pub(crate) fn parse(buffer: &[u8]) -> Result<Option<Frame<'_>>, FrameError> {
    let (Some(&first), Some(&second)) = (buffer.first(), buffer.get(1)) else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(FrameError::Reserved);
    }
    if second & 0x80 != 0 {
        return Err(FrameError::Masked);
    }
    let (header, length) = match second {
        126 => match buffer.get(2..4).and_then(|bytes| bytes.try_into().ok()) {
            Some(bytes) => (4, u64::from(u16::from_be_bytes(bytes))),
            None => return Ok(None),
        },
        127 => match buffer.get(2..10).and_then(|bytes| bytes.try_into().ok()) {
            Some(bytes) => (10, u64::from_be_bytes(bytes)),
            None => return Ok(None),
        },
        short => (2, u64::from(short)),
    };
    if length > MAX_FRAME {
        return Err(FrameError::TooLarge(length));
    }
    let taken = header + usize::try_from(length).map_err(|_| FrameError::TooLarge(length))?;
    let Some(payload) = buffer.get(header..taken) else { return Ok(None) };
    Ok(Some(Frame { fin: first & 0x80 != 0, opcode: first & 0x0F, payload, taken }))
}

/// Appends one whole masked frame to `out`.
pub(crate) fn encode(opcode: u8, payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match payload.len() {
        length @ 0..=125 => out.push(0x80 | u8::try_from(length).unwrap_or(125)),
        length @ 126..=0xFFFF => {
            out.push(0x80 | 126);
            out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// The code of a close frame's payload; 1005 where it carries none.
#[must_use]
pub(crate) fn close_code(payload: &[u8]) -> u16 {
    payload.get(..2).and_then(|bytes| bytes.try_into().ok()).map_or(1005, u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..=125 => bytes.push(length as u8),
            length @ 126..=0xFFFF => {
                bytes.push(126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                bytes.push(127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn every_length_form_is_read_and_every_cut_of_it_waits() {
        for length in [0, 1, 125, 126, 127, 300, 0xFFFF, 0x1_0000] {
            let payload = vec![b'x'; length];
            let bytes = server_frame(0x81, &payload);
            let frame = parse(&bytes).unwrap().unwrap();
            assert_eq!((frame.fin, frame.opcode, frame.payload, frame.taken), (true, TEXT, &payload[..], bytes.len()));
            for cut in (0..bytes.len()).step_by(bytes.len() / 7 + 1) {
                assert_eq!(parse(&bytes[..cut]).unwrap(), None, "{length} cut at {cut}");
            }
        }
    }

    #[test]
    fn only_the_first_frame_is_taken() {
        let mut bytes = server_frame(0x01, b"one");
        let first = bytes.len();
        bytes.extend(server_frame(0x80, b"two"));
        let frame = parse(&bytes).unwrap().unwrap();
        assert_eq!((frame.fin, frame.payload, frame.taken), (false, &b"one"[..], first));
        assert_eq!(parse(&bytes[first..]).unwrap().unwrap().opcode, CONTINUATION);
    }

    #[test]
    fn broken_frames_are_refused() {
        assert_eq!(parse(&[0x81, 0x80, 0, 0, 0, 0]), Err(FrameError::Masked));
        assert_eq!(parse(&[0xC1, 0]), Err(FrameError::Reserved));
        let mut huge = vec![0x82, 127];
        huge.extend_from_slice(&u64::MAX.to_be_bytes());
        assert_eq!(parse(&huge), Err(FrameError::TooLarge(u64::MAX)));
    }

    #[test]
    fn a_masked_frame_unmasks_to_its_payload() {
        for length in [0, 5, 125, 126, 0xFFFF, 0x1_0000] {
            let payload: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let mut bytes = Vec::new();
            encode(BINARY, &payload, [1, 2, 3, 4], &mut bytes);
            let header = bytes.len() - payload.len() - 4;
            assert_eq!((bytes[0], bytes[1] & 0x80), (0x82, 0x80));
            assert_eq!(&bytes[header..header + 4], &[1, 2, 3, 4]);
            let plain: Vec<u8> =
                bytes[header + 4..].iter().enumerate().map(|(n, byte)| byte ^ [1, 2, 3, 4][n % 4]).collect();
            assert_eq!(plain, payload);
            // The same frame with its mask taken away reads back.
            let mut unmasked = bytes[..header].to_vec();
            unmasked[1] &= 0x7F;
            unmasked.extend_from_slice(&payload);
            assert_eq!(parse(&unmasked).unwrap().unwrap().payload, &payload[..]);
        }
    }

    #[test]
    fn close_codes() {
        assert_eq!(close_code(&[0x0F, 0xA2, b'x']), 4002);
        assert_eq!(close_code(&[]), 1005);
    }
}
