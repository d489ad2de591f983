"""What tests of several rooms share: builders of trials and studies, servers, other interpreters."""
