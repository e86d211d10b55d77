// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Pays what was slashed to whom lies harmed, then to whoever showed the fault, and burns the rest.
/// @notice Amounts are units of the strategy's token. Anyone may call everything; nobody can change whom it pays.
interface ISettlement {
    error TooEarly(uint256 from);
    error VaultShort(uint256 balance, uint256 needed);
    error UnknownSlash(bytes32 app, uint256 slashId, address strategy);
    error SlashSettled(uint256 slashId, address strategy);
    error ExposureOpen(uint256 shares);
    error SlashesUnsettled(uint256 slashedShares, uint256 settledShares);
    error NothingLeft(address token);

    event HarmPaid(uint256 indexed positionId, bytes32 indexed claimId, address indexed beneficiary, uint256 amount);
    event SlashSettledFor(
        bytes32 indexed app,
        uint256 indexed slashId,
        address indexed reporter,
        address token,
        uint256 reward,
        uint256 burnt
    );
    event RestBurned(bytes32 indexed app, address indexed token, uint256 amount);

    /// @notice Pays a position whose claim ended badly, in full, from the set's vault.
    function payHarm(uint256 positionId) external;
    /// @notice Rewards the reporter of a slash and burns its burn share, after every claim from before it has ended.
    function settleSlash(bytes32 app, uint256 slashId, address strategy) external;
    /// @notice Burns what the vault holds when every slash is settled and no exposure is open.
    function burnRest(bytes32 app, address strategy) external;
    /// @notice Before this time a slash rewards nobody, Unix seconds.
    function barDateOf(bytes32 app, uint256 slashId) external view returns (uint256);
}
