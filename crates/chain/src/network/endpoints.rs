//! Endpoints and transport keys.

use alloy_primitives::{Address, B256};

use super::Network;
use crate::bindings::endpoints;
use crate::endpoint::{Endpoint, EndpointUrl};
use crate::error::Error;
use crate::finalized::Finalized;
use crate::sender::Sender;

impl Network {
    /// Sets the sender's endpoint; `next` is a second valid key during a change, zero for none.
    ///
    /// # Errors
    /// [`Error::Reverted`] when both keys are the same or the first is zero.
    pub async fn set_endpoint(&self, sender: &Sender, url: &EndpointUrl, key: B256, next: B256) -> Result<(), Error> {
        let call =
            endpoints::setEndpointCall { url: url.as_str().to_owned(), transportKey: key, nextTransportKey: next };
        self.act(sender, self.contracts().endpoints, call).await?;
        Ok(())
    }

    /// Takes the sender's endpoint away.
    ///
    /// # Errors
    /// [`Error::Reverted`] when it has none.
    pub async fn remove_endpoint(&self, sender: &Sender) -> Result<(), Error> {
        self.act(sender, self.contracts().endpoints, endpoints::removeEndpointCall {}).await?;
        Ok(())
    }

    /// An account's endpoint as of the newest block: for whoever sets it, and for no decision.
    ///
    /// # Errors
    /// Fails when the endpoint does not answer. A registered url that nobody should call reads as none.
    pub async fn latest_endpoint(&self, account: Address) -> Result<Option<Endpoint>, Error> {
        let found = self.chain.latest_call(self.contracts().endpoints, &endpoints::endpointOfCall { account }).await?;
        Ok(Endpoint::from_words(account, &found.url, found.transportKey, found.nextTransportKey).unwrap_or_default())
    }

    /// An account's endpoint; none if it has none.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] when the account registered a url that nobody should call.
    pub async fn endpoint(&self, view: &Finalized, account: Address) -> Result<Option<Endpoint>, Error> {
        let found = view.call(self.contracts().endpoints, &endpoints::endpointOfCall { account }).await?;
        Endpoint::from_words(account, &found.url, found.transportKey, found.nextTransportKey)
            .map_err(|error| Error::inconsistent("endpointOf", error.to_string()))
    }
}
