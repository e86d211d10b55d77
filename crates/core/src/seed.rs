//! The randomness that a program sees.

use alloy_primitives::B256;

use crate::ids::RequestId;
use crate::words::Words;

/// `keccak256(abi.encode(prevrandao, requestId))`, where `prevrandao` is that of the request's seed block, or the request
/// id itself if the request names no block.
pub fn seed(request: RequestId, prevrandao: Option<B256>) -> B256 {
    match prevrandao {
        Some(prevrandao) => Words::default().bytes32(prevrandao).bytes32(request.0).hash(),
        None => request.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_inputs_count() {
        let (request, other) = (RequestId(B256::repeat_byte(1)), RequestId(B256::repeat_byte(2)));
        let randao = Some(B256::repeat_byte(3));
        assert_eq!(seed(request, None), request.0);
        assert_ne!(seed(request, randao), seed(other, randao));
        assert_ne!(seed(request, randao), seed(request, Some(B256::repeat_byte(4))));
    }
}
